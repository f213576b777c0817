import { median, type ServerName } from "./processes.ts";

/** A figure of a table. `text`: how its value is written. */
export interface Column<R> {
  readonly title: string;
  readonly of: (run: R) => number;
  readonly text: (value: number) => string;
}

const names: Readonly<Record<ServerName, string>> = { weir: "Weir", snapshot: "SnapshotCache", linear: "LinearCache" };

export const milliseconds = (value: number) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
export const whole = (value: number) => Math.round(value).toLocaleString("en");
export const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`;

/** The head of a table in Markdown. `what`: titles of the leading columns. */
export function tableHead<R>(what: readonly string[], columns: readonly Column<R>[]): string {
  const titles = [...what, ...columns.map(({ title }) => title)];
  return `${line(titles)}\n${line(titles.map(() => "---")).replaceAll(" ", "")}`;
}

/**
 * The rows of one group: each server's medians, then what Weir's are of the better cache's (lower is better).
 * `label` stands in the first row only.
 */
export function tableRows<R extends { readonly server: ServerName }>(
  label: string,
  runs: readonly R[],
  columns: readonly Column<R>[],
): string {
  const servers = [...new Set(runs.map(({ server }) => server))].sort((a, b) => order(a) - order(b));
  const figure = (server: ServerName, { of }: Column<R>) => median(runs.filter((run) => run.server === server).map(of));
  const rows = servers.map((server, at) =>
    line([at === 0 ? label : "", names[server], ...columns.map((column) => column.text(figure(server, column)))]),
  );
  const others = servers.filter((server) => server !== "weir");
  if (others.length === 0 || !servers.includes("weir")) return rows.join("\n");
  const ratios = columns.map((column) => {
    const better = Math.min(...others.map((server) => figure(server, column)));
    return better > 0 ? (figure("weir", column) / better).toFixed(2) : "";
  });
  return [...rows, line(["", "Weir / the better", ...ratios])].join("\n");
}

function order(server: ServerName): number {
  return Object.keys(names).indexOf(server);
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
