export { allowedNames } from "../../model/capabilities.ts";
