import { type Failure, ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { openLocal } from "../local-images.ts";

export const rmi = defineCommand({
  name: "rmi",
  summary: "Remove images from this machine",
  about: `Takes the name away, and deletes the image once it has no other name, with all that no other image needs. A registry is not asked and keeps what it has.
    Several images are removed one after the other; what cannot be removed is told, and the others are.`,
  args: {
    references: { value: "REF", multiple: true, completes: "image", help: "registry/repository:tag, or the digest that weir list shows" },
  },
  flags: {},
  examples: [
    { does: "by its name", command: "weir rmi registry.example/filters/add-header:1.2" },
    { does: "one whose tag went to another image", command: "weir rmi 3f2a51c07e9b" },
  ],
  async run({ args }, terminal) {
    const { formatReference } = await import("../../oci/index.ts");
    const images = await openLocal(terminal.env);
    const failures: Failure[] = [];
    for (const reference of args.references) {
      const removed = await images.remove(reference);
      if (!removed.ok) {
        failures.push(removed.error);
        continue;
      }
      for (const name of removed.value.untagged) terminal.out(`untagged ${formatReference(name)}\n`);
      for (const digest of removed.value.deleted) terminal.out(`deleted ${digest}\n`);
    }
    const [first] = failures;
    return first === undefined
      ? ok(undefined)
      : { ok: false, error: { ...first, message: failures.map(({ message }) => message).join("; ") } };
  },
});
