-- The number of the run, so that a late request does not cancel the next run.
if obj.status == nil or obj.status.run == nil then
  return obj
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["bcmp.dev/cancel-requested"] = tostring(obj.status.run.number)
return obj
