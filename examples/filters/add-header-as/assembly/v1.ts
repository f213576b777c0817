export * from "@solo-io/proxy-runtime/proxy";
import { registerAddHeader } from "./filter";

registerAddHeader("v1");
