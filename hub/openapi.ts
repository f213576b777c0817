import { describeParameters } from "./api/parameter.ts";
import type { Answer, Route } from "./route.ts";
import { schemas } from "./schemas.ts";

/** The document of a table of routes. https://spec.openapis.org/oas/v3.1.0 */
export function openApi(routes: readonly Route[]): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "Weir read API",
      version: "v1",
      description: "What a running Weir knows. It changes nothing: change the WasmFilter instead.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths: Object.fromEntries(
      routes.map((route) => [
        route.path,
        { ...(route.get === undefined ? {} : { get: operation(route) }), ...(route.post === undefined ? {} : { post: operation(route) }) },
      ]),
    ),
    components: { schemas },
  };
}

function operation({ path, operation, summary, answers, query = {}, body }: Route): object {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  return {
    operationId: operation,
    summary,
    parameters: [...inPath, ...describeParameters(query)],
    ...(body === undefined ? {} : { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, response(answer)])),
  };
}

function response({ description, type, schema }: Answer): object {
  return { description, content: { [type.split(";")[0] ?? type]: { schema } } };
}
