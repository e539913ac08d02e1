-- The same run continues at its next level.
obj.spec.suspend = false
return obj
