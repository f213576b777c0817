import { html } from "hono/html";

export { html };

/** Markup. What stands in it as `${text}` was escaped. */
export type Html = ReturnType<typeof html>;
