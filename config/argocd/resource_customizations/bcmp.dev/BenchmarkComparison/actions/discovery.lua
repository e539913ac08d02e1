local status = obj.status or {}
local run = status.run
local active = run ~= nil and run.completionTime == nil
local suspended = obj.spec.suspend == true

return {
  -- A request would end the active run: cancel it first.
  ["rerun"] = { ["disabled"] = active, ["iconClass"] = "fa fa-fw fa-redo", ["displayName"] = "Run again" },
  ["cancel"] = { ["disabled"] = not active, ["iconClass"] = "fa fa-fw fa-ban", ["displayName"] = "Cancel the run" },
  ["suspend"] = { ["disabled"] = suspended, ["iconClass"] = "fa fa-fw fa-pause" },
  ["resume"] = { ["disabled"] = not suspended, ["iconClass"] = "fa fa-fw fa-play" },
}
