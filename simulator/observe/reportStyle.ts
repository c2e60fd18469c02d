/** The style of the report's page. Colours after Okabe and Ito, which people with any colour vision can tell apart. */
const LIGHT = `--ground:#ffffff;--panel:#f6f7f9;--line:#d8dce2;--ink:#1c2128;--quiet:#59636e;--accent:#0b62b0;
--running:#5b9bd5;--starting:#8a939e;--loading:#c77700;--warming:#a88a00;--cancelling:#8a939e;--fault:#c2410c;--good:#0a6b52;--bad:#b42318;--open:#8a5a00;
--soft:rgba(194,65,12,.10);--bar:#e8ebef`;
const DARK = `--ground:#15181d;--panel:#1d2127;--line:#363c45;--ink:#e6e9ee;--quiet:#9aa4b0;--accent:#78b7f5;
--running:#3f81bd;--starting:#8d97a3;--loading:#f0a63c;--warming:#e3cf5b;--cancelling:#8d97a3;--fault:#ff8a5c;--good:#4cc9a0;--bad:#ff8577;--open:#e8b84a;
--soft:rgba(255,138,92,.14);--bar:#262b33`;

export const REPORT_STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media(prefers-color-scheme:dark){:root{${DARK}}}
body.vscode-light{color-scheme:light;${LIGHT}}
body.vscode-dark,body.vscode-high-contrast{color-scheme:dark;${DARK}}
body.vscode-high-contrast-light{color-scheme:light;${LIGHT}}
*{box-sizing:border-box}
body{margin:0;padding:28px 20px 48px;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
main{max-width:1200px;margin:0 auto}
h1{font-size:27px;line-height:1.25;margin:2px 0 6px;font-weight:650;text-wrap:balance}
h2{font-size:17px;margin:34px 0 10px;font-weight:650}
h3{font-size:16px;margin:0 0 8px;font-weight:650}
.job{color:var(--quiet);margin:0}
.verdict{display:flex;gap:12px;align-items:flex-start}
.verdict svg{flex:none;width:30px;height:30px;margin-top:3px}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:10px;margin:20px 0 0;padding:0;list-style:none;grid-auto-rows:auto}
.tiles li{display:grid;grid-row:span 3;grid-template-rows:subgrid;gap:0;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:9px 11px}
.tiles .name{color:var(--quiet);font-size:12.5px;line-height:1.3;align-self:end;display:block}
.tiles .figure{font-size:24px;font-weight:650;line-height:1.25;display:block;font-variant-numeric:tabular-nums}
.tiles .more{color:var(--quiet);font-size:12.5px;display:block}
.legend{display:flex;flex-wrap:wrap;gap:6px 16px;margin:0 0 6px;padding:0;list-style:none;font-size:13px;color:var(--quiet);align-items:center}
.legend svg{width:26px;height:12px;vertical-align:-1px;margin-right:6px}
h2.timeline{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 14px;min-height:30px}
.hint{font-size:13px;font-weight:400;color:var(--quiet)}#whole{margin-left:auto}
.frame{border:1px solid var(--line);border-radius:8px;padding:10px 12px;background:var(--ground)}
button{font:inherit;font-size:13px;font-weight:400;color:var(--accent);background:none;border:1px solid var(--line);border-radius:6px;padding:2px 10px;cursor:pointer}
button:focus-visible,a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
#timeline{display:block;width:100%;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--ink);user-select:none;touch-action:pan-y}
#timeline text{unicode-bidi:isolate}
#timeline .group{fill:var(--quiet);font-weight:600}
#timeline .lane,#timeline .scale{text-anchor:end}
.restarts{fill:var(--fault);font-weight:700}
#timeline .scale{fill:var(--quiet);font-variant-numeric:tabular-nums}
#timeline .track{fill:var(--bar);opacity:.55}
.bar.running{fill:var(--running)}.bar.waiting{fill:var(--bar)}.bar.draining{fill:var(--running);opacity:.5}
.bar.starting{fill:url(#p-starting)}.bar.loading{fill:url(#p-loading)}.bar.warming{fill:url(#p-warming)}.bar.cancelling{fill:url(#p-cancelling)}
.bar.down{fill:var(--ground);stroke:var(--fault);stroke-width:1}
.bg{fill:var(--ground)}
#p-starting .bg,#p-cancelling .bg{fill:var(--ground)}
#p-starting .ink{stroke:var(--starting);stroke-width:2}#p-loading .ink{stroke:var(--loading);stroke-width:3}
#p-warming .ink{fill:var(--warming)}#p-cancelling .ink{stroke:var(--cancelling);stroke-width:1}
.bar.loading,.bar.warming,.bar.starting,.bar.cancelling{stroke-width:.75}
.bar.loading{stroke:var(--loading)}.bar.warming{stroke:var(--warming)}.bar.starting,.bar.cancelling{stroke:var(--starting)}
.checkpoint{fill:var(--quiet)}.checkpoint.failed{fill:none;stroke:var(--bad);stroke-width:2}
.band{fill:var(--soft)}
.fault{cursor:pointer}
.fault line{stroke:var(--fault);stroke-width:1.5;stroke-dasharray:4 3}
.fault circle{fill:var(--fault)}
.fault .number{fill:var(--ground);text-anchor:middle;font-weight:700;font-size:11px}
.fault .what{font-weight:600;fill:var(--fault)}
.tick line{stroke:var(--line);stroke-width:.75}.tick text{text-anchor:middle;fill:var(--quiet);font-variant-numeric:tabular-nums}
.grid{stroke:var(--line);stroke-width:.75}.base{stroke:var(--quiet);stroke-width:.75}
.series{fill:none;stroke-width:1.75;stroke-linejoin:round}.series.throughput{stroke:var(--accent)}.series.latency{stroke:var(--loading);stroke-dasharray:none}
#brush{fill:var(--accent);opacity:.18}#cursor{stroke:var(--quiet);stroke-width:1}
.hidden{display:none}
#tip{position:fixed;z-index:2;pointer-events:none;max-width:min(420px,90vw);background:var(--ink);color:var(--ground);padding:4px 9px;border-radius:5px;font-size:12.5px;line-height:1.4;white-space:pre-line}
.card{border:1px solid var(--line);border-left:4px solid var(--fault);border-radius:8px;padding:14px 18px 16px;margin:0 0 14px;scroll-margin-top:12px}
.card.quiet{border-left-color:var(--line)}
.card header{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline;justify-content:space-between}
.badge{display:inline-block;min-width:22px;height:22px;line-height:22px;border-radius:11px;background:var(--fault);color:var(--ground);font-size:13px;font-weight:700;text-align:center;margin-right:8px;padding:0 6px}
.columns{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1.15fr);gap:8px 30px}
.story{margin:0;padding:0;list-style:none}.story li{margin:0 0 7px}
.steps{width:100%;border-collapse:collapse;font-size:13.5px;table-layout:fixed}
.steps td,.steps th{padding:2px 0;text-align:left;font-weight:400;vertical-align:middle}
.steps .phase{width:172px;padding-right:10px}.steps .time{width:76px;text-align:right;padding-right:12px;font-variant-numeric:tabular-nums}
.steps .subject{color:var(--quiet)}
.lapse{position:relative;height:11px;background:var(--bar);border-radius:2px}
.lapse i{position:absolute;top:0;bottom:0;background:var(--running);border-radius:2px;min-width:2px}
.lapse i.broken{background:repeating-linear-gradient(135deg,var(--fault) 0 3px,transparent 3px 6px);outline:1px solid var(--fault);outline-offset:-1px}
.steps caption{caption-side:bottom;text-align:right;color:var(--quiet);font-size:12.5px;padding-top:4px}
table.figures{border-collapse:collapse;width:100%;font-size:14px}
table.figures th{color:var(--quiet);font-weight:400;text-align:left;padding:5px 14px 5px 0;vertical-align:top;width:190px}
table.figures td{padding:5px 14px 5px 0;vertical-align:top;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}
table.instances{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;white-space:nowrap}
table.instances th,table.instances td{padding:5px 14px 5px 0;text-align:right}
table.instances th:first-child,table.instances td:nth-child(2){text-align:left}
table.instances thead th{color:var(--quiet);font-weight:400}
table.instances tbody tr{border-top:1px solid var(--line)}
table.instances tbody th{font-weight:600}
table.figures tr+tr{border-top:1px solid var(--line)}
.wrong{color:var(--bad);font-weight:600}
.quiet-text{color:var(--quiet)}
footer{color:var(--quiet);font-size:13px;margin-top:34px}
@media(max-width:900px){.columns{grid-template-columns:minmax(0,1fr)}h1{font-size:23px}body{padding:20px 14px 40px}}
@media print{button,.hint,#tip{display:none}.card,.frame{break-inside:avoid}}
`;
