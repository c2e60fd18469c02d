/** "region 3" for the region with the id `region-3`; other ids stay as they are. */
export function regionName(id: string): string {
  const number = /^region-(\d+)$/.exec(id)?.[1];
  return `region ${number ?? id}`;
}
