-- Health of a BenchmarkComparison, whose conditions follow kstatus: Reconciling while a run is queued or in progress, Stalled
-- when nothing proceeds without a person, otherwise neither; observedGeneration lags until a change has been observed.
-- A refuted prediction is a healthy result. An outcome that spec.judgement.failOn lists is a failure and shows as Stalled.

local health = { status = "Progressing", message = "waiting for the operator" }
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
    health.message = status.progress.summary .. " trials: " .. health.message
  end
elseif holds("Finished") and holds("Succeeded") then
  health.status = "Healthy"
elseif conditions.Reconciling ~= nil then
  -- Suspended by spec.suspend, or not requested yet (execution.start: OnRequest).
  health.status = "Suspended"
end

return health
