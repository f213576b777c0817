import { LuaFactory } from "wasmoon";

/**
 * Runs a Lua script with a global `obj`, as Argo CD runs health checks, and returns what it returns. Argo CD has Lua 5.1 (gopher-lua), this is 5.4:
 * scripts should use what both have.
 */
export async function runLua(script: string, obj: unknown): Promise<unknown> {
  const lua = await new LuaFactory().createEngine();
  try {
    // As text: the engine would hand in a JavaScript object, which is no Lua table.
    return await lua.doString(`obj = ${toLua(obj)}\n${script}`);
  } finally {
    lua.global.close();
  }
}

/** A Lua expression of the value. */
function toLua(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(toLua).join(", ")}}`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined && field !== null);
    return `{${fields.map(([key, field]) => `[${luaString(key)}] = ${toLua(field)}`).join(", ")}}`;
  }
  return typeof value === "string" ? luaString(value) : String(value);
}

/** Byte by byte: Lua has no Unicode escapes that 5.1 knows. */
function luaString(text: string): string {
  const bytes = Array.from(Buffer.from(text), (byte) => `\\${String(byte).padStart(3, "0")}`);
  return `"${bytes.join("")}"`;
}
