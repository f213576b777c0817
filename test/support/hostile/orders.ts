/** What a hostile tenant is given: a namespace of its own, a registry that anybody may push to, and the addresses that everybody knows. */
export interface Orders {
  /** Of a user who may do anything in `namespace`, and nothing elsewhere. */
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly registry: string;
  readonly xdsPort: number;
  readonly httpPort: number;
  /** A proxy of another namespace, whose name it claims. */
  readonly victim: { readonly namespace: string; readonly node: string };
  /** PEM, where the server speaks TLS: its CA, and a certificate for a proxy of the hostile namespace. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** Kind of an attack -> how often it was made. */
export type Tally = Map<string, number>;

export function count(tally: Tally, what: string): void {
  tally.set(what, (tally.get(what) ?? 0) + 1);
}

/** Runs it again and again until the end; what it throws is what it met. */
export async function again(tally: Tally, what: string, pauseMs: number, attack: () => Promise<void>): Promise<never> {
  for (;;) {
    try {
      await attack();
    } catch {
      // Refused: so it should be.
    }
    count(tally, what);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
