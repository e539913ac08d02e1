-- The same run goes on at its next level.
obj.spec.suspend = false
return obj
