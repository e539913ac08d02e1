-- The token names the requested run, so two requests before the operator has observed the first start one run.
local run = 0
if obj.status ~= nil and obj.status.run ~= nil then
  run = obj.status.run.number
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["bcmp.dev/run-requested"] = "argocd-run-" .. tostring(run + 1)
return obj
