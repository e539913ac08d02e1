-- Tears down and keeps what was measured.
obj.spec.suspend = true
return obj
