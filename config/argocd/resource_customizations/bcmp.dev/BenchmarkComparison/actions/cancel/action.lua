-- The number of the run, so that a request that comes late does not end the next one.
if obj.status == nil or obj.status.run == nil then
  return obj
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["bcmp.dev/cancel-requested"] = tostring(obj.status.run.number)
return obj
