export function renderRunReport(_session: unknown, _nonce: string): Promise<string> { return Promise.resolve(""); }
