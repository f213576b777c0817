/** Draws bench/results/*.json as bars: `node bench/plot.ts`. Medians over the runs; lower is better everywhere. */
import { readFile, writeFile } from "node:fs/promises";
import { median, type ServerName, serverNames } from "./processes.ts";

interface Row {
  readonly server: ServerName;
  readonly [fact: string]: unknown;
}

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly groups: readonly { readonly label: string; readonly values: ReadonlyMap<ServerName, number> }[];
}

const colours: Readonly<Record<ServerName, string>> = { weir: "#2f6f4f", snapshot: "#b5b5b5", linear: "#7d8ca3" };
const names: Readonly<Record<ServerName, string>> = {
  weir: "Weir",
  snapshot: "go-control-plane, SnapshotCache",
  linear: "go-control-plane, LinearCache",
};
const results = new URL("results/", import.meta.url);
const [WIDTH, HEIGHT, LEFT, TOP, BAR] = [860, 230, 60, 40, 22];

async function rows(name: string): Promise<Row[]> {
  return readFile(new URL(`${name}.json`, results), "utf8").then(JSON.parse, () => []);
}

/** One group of bars for each label, in the order of their first appearance. */
function panel(title: string, unit: string, all: readonly Row[], label: (row: Row) => string, value: (row: Row) => number): Panel {
  const groups = [...new Set(all.map(label))].map((each) => {
    const of = all.filter((row) => label(row) === each);
    const values = serverNames.flatMap((server): [ServerName, number][] => {
      const own = of.filter((row) => row.server === server).map(value);
      return own.length > 0 ? [[server, median(own)]] : [];
    });
    return { label: each, values: new Map(values) };
  });
  return { title, unit, groups };
}

function draw({ title, unit, groups }: Panel, top: number): string {
  const height = HEIGHT - 80;
  const group = (WIDTH - LEFT - 20) / Math.max(1, groups.length);
  const parts = [`<text x="${LEFT}" y="${top + 20}" class="title">${title} (${unit})</text>`];
  for (const [index, { label, values }] of groups.entries()) {
    const most = Math.max(...values.values());
    const left = LEFT + index * group;
    for (const [place, [server, value]] of [...values].entries()) {
      const tall = (value / most) * height;
      const x = left + place * (BAR + 4);
      const y = top + TOP + height - tall;
      parts.push(`<rect x="${x}" y="${y.toFixed(1)}" width="${BAR}" height="${tall.toFixed(1)}" fill="${colours[server]}"/>`);
      parts.push(
        `<text x="${x + BAR / 2}" y="${(y - 3).toFixed(1)}" class="value">${value >= 100 ? value.toFixed(0) : value.toFixed(1)}</text>`,
      );
    }
    parts.push(`<text x="${left}" y="${top + TOP + height + 16}">${label}</text>`);
  }
  return parts.join("\n");
}

function legend(): string {
  return serverNames
    .map((server, index) => {
      const x = LEFT + index * 250;
      return `<rect x="${x}" y="12" width="12" height="12" fill="${colours[server]}"/><text x="${x + 18}" y="22">${names[server]}</text>`;
    })
    .join("\n");
}

async function write(name: string, panels: readonly Panel[]): Promise<void> {
  const full = panels.filter(({ groups }) => groups.length > 0);
  if (full.length === 0) return;
  const height = 30 + full.length * HEIGHT;
  const style = "text{font:11px sans-serif;fill:#222}.title{font-weight:bold}.value{text-anchor:middle;font-size:10px}";
  const body = full.map((each, index) => draw(each, 30 + index * HEIGHT)).join("\n");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<style>${style}</style>
<rect width="100%" height="100%" fill="#fff"/>
${legend()}
${body}
</svg>
`;
  await writeFile(new URL(`${name}.svg`, results), svg);
}

const size = (row: Row) => (Number(row.size) >= 1e6 ? `${(Number(row.size) / 1e6).toFixed(1)} MB` : `${Number(row.size) / 1024} KB`);
const fanOut = await rows("fan-out");
const reach = (row: Row) => `${size(row)} to ${row.clients}`;
await write("fan-out", [
  panel("From the change to the last acknowledgement", "ms", fanOut, reach, (row) => Number(row.last)),
  panel("Server CPU for each stream and change", "µs", fanOut, reach, (row) => Number(row.cpuPerStream)),
  panel("Server memory at its peak", "MB", fanOut, reach, (row) => Number(row.peak) / 1048576),
]);
const reconnect = await rows("reconnect");
const how = (row: Row) => `${row.variant}, ${row.extensions} extensions`;
await write("reconnect", [
  panel("From the restart to the last subscription", "ms", reconnect, how, (row) => Number(row.last)),
  panel("Server CPU for each stream", "µs", reconnect, how, (row) => Number(row.cpuPerStream)),
]);
const slow = await rows("slow-readers");
const trouble = (row: Row) => `${row.slow} slow, ${row.rejecters} rejecting`;
await write("slow-readers", [panel("99% of the others have the change", "ms", slow, trouble, (row) => Number(row.p99))]);
