/** The name of a recorder's filter and of its metadata: number 0 stands before the first filter, number 1 after it, and so on. */
export function recorderName(position: number): string {
  return `weir.recorder.${position}`;
}

/** Bytes of a body that count when two are compared, and of its beginning that are shown. */
export const COMPARED_BYTES = 1 << 20;
const SHOWN_BYTES = 160;
/** A longer value is recorded by its beginning, its length and its sum. */
const VALUE_BYTES = 512;

/**
 * An Envoy filter that writes down what passes at its place, in the metadata of the request, for the access log. It changes nothing and holds nothing back: chunks of a
 * body are looked at while they pass. https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/lua_filter
 */
export function recorder(position: number): object {
  return {
    name: recorderName(position),
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
      default_source_code: { inline_string: script(recorderName(position)) },
    },
  };
}

// A sum is the text's, read as digits of base 31, modulo 2^32: it tells two texts of one length apart, and is no proof against who wants them to look alike.
// What Envoy hands out is not to be kept across a chunk of a body.
const script = (name: string) => `
local function sum(text, before)
  local value = before
  for i = 1, #text do value = (value * 31 + string.byte(text, i)) % 4294967296 end
  return value
end

local function fields(map)
  local all = {}
  for key, value in pairs(map) do
    if #value > ${VALUE_BYTES} then
      value = string.sub(value, 1, ${VALUE_BYTES}) .. "... (" .. #value .. " bytes, sum " .. string.format("%08x", sum(value, 0)) .. ")"
    end
    all[#all + 1] = key .. ": " .. value
  end
  return all
end

local function record(handle, side)
  local note = function(key, value) handle:streamInfo():dynamicMetadata():set("${name}", key, value) end
  note(side, fields(handle:headers()))
  local size, total, start = 0, 0, ""
  for chunk in handle:bodyChunks() do
    local length = chunk:length()
    if size < ${COMPARED_BYTES} then
      local text = chunk:getBytes(0, math.min(length, ${COMPARED_BYTES} - size))
      total = sum(text, total)
      if #start < ${SHOWN_BYTES} then start = string.sub(start .. text, 1, ${SHOWN_BYTES}) end
    end
    size = size + length
  end
  note(side .. "Body", { size = size, sum = total, start = start })
  local trailers = handle:trailers()
  if trailers ~= nil then note(side .. "Trailers", fields(trailers)) end
end

function envoy_on_request(handle) record(handle, "request") end
function envoy_on_response(handle) record(handle, "response") end
`;
