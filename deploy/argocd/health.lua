-- Tells Argo CD how a WasmFilter is. It goes into the ConfigMap argocd-cm: see docs/status.md.
local function health(status, message)
  return { status = status, message = message }
end

local status = obj.status or {}
local observed = status.observedGeneration
if observed == nil or observed ~= obj.metadata.generation then
  return health("Progressing", "waits for Weir to look at the spec")
end

local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end

local function holds(type)
  return found[type] ~= nil and found[type].status == "True"
end

local ready = found.Ready
if ready == nil then
  return health("Progressing", "waits for Weir to look at the spec")
end
if holds("Ready") and not holds("Reconciling") then
  return health("Healthy", ready.message)
end
local why = ready.reason .. ": " .. ready.message
if holds("Stalled") then
  return health("Degraded", why)
end
if ready.reason == "Suspended" or ready.reason == "Paused" then
  return health("Suspended", why)
end
return health("Progressing", why)
