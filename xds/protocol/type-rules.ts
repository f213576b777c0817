import { typeUrls } from "./resource.ts";

/** How the xDS protocol treats one resource type. */
export interface TypeRules {
  /**
   * In the state-of-the-world variant a response holds every resource the client wants and what it lacks is deleted (LDS, CDS).
   * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#grouping-resources-into-responses
   */
  readonly fullState: boolean;
  /** `*`, or a first request without names, stands for everything the server has for this node (LDS, CDS). */
  readonly wildcard: boolean;
  /**
   * After a resource was sent, its next version waits for the answer. A proxy that is busy compiling is then not sent versions that are
   * overtaken before it gets to them (ECDS).
   */
  readonly inTurn: boolean;
}

const whole: TypeRules = { fullState: true, wildcard: true, inTurn: false };
const parts: TypeRules = { fullState: false, wildcard: false, inTurn: false };
const single: TypeRules = { fullState: false, wildcard: false, inTurn: true };

/** The rules of a type. Types that Weir does not know follow the rules of most types. */
export function rulesOf(typeUrl: string): TypeRules {
  switch (typeUrl) {
    case typeUrls.listener:
    case typeUrls.cluster:
      return whole;
    case typeUrls.extensionConfig:
      return single;
    default:
      return parts;
  }
}

const order: readonly string[] = [typeUrls.cluster, typeUrls.endpoint, typeUrls.extensionConfig, typeUrls.listener, typeUrls.route];

/**
 * Sorts types by make-before-break: what is referred to comes before what refers to it. Additions go in this order, removals in the reverse.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
 */
export function byDependency(a: string, b: string): number {
  return rank(a) - rank(b);
}

function rank(typeUrl: string): number {
  const index = order.indexOf(typeUrl);
  return index < 0 ? order.length : index;
}
