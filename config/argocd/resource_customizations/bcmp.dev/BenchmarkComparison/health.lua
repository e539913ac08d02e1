-- Health of a BenchmarkComparison, whose conditions follow kstatus: Reconciling while a run is queued or under way,
-- Stalled when nothing moves without a person, neither at rest; observedGeneration lags until a change was looked at.
-- A measured loss is a healthy result. What counts as a failure is said by spec.judgement.failOn, so it shows as Stalled.

local health = { status = "Progressing", message = "waits for the operator" }
local status = obj.status

if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end

local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

if status.message ~= nil then
  health.message = status.message
end

if holds("Stalled") then
  health.status = "Degraded"
elseif holds("Reconciling") then
  if status.progress ~= nil and status.progress.summary ~= nil then
    health.message = status.progress.summary .. " levels: " .. health.message
  end
elseif holds("Finished") and holds("Succeeded") then
  health.status = "Healthy"
elseif conditions.Reconciling ~= nil then
  -- Held by spec.suspend, or not requested yet (execution.start: OnRequest).
  health.status = "Suspended"
end

return health
