const GROUPS = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** True for standard base64 with its padding, without white space: https://www.rfc-editor.org/rfc/rfc4648#section-4. Node decodes anything. */
export function isBase64(text: string): boolean {
  return GROUPS.test(text);
}
