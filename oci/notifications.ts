import { fieldsOf } from "../base/json.ts";
import { isRepositoryPath } from "./repository/reference.ts";

/** Events that are read of one notification. */
const MAX_EVENTS = 1_000;
const MAX_PATH = 255;

/**
 * The repositories, without their registry, whose tags a registry says that it changed. What it says else is not used: the tag is looked at. `undefined`: this is no
 * notification. https://distribution.github.io/distribution/about/notifications/
 */
export function readNotification(text: string): ReadonlySet<string> | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { events } = fieldsOf(document);
  if (!Array.isArray(events)) return undefined;
  const paths = new Set<string>();
  for (const event of events.slice(0, MAX_EVENTS)) {
    const { action, target } = fieldsOf(event);
    const { repository } = fieldsOf(target);
    if (action === "pull" || typeof repository !== "string") continue;
    if (repository.length <= MAX_PATH && isRepositoryPath(repository)) paths.add(repository);
  }
  return paths;
}
