-- Holds a request while Glance's server is being restarted.
--
-- HAProxy tries a TCP server again a second later, but a Unix socket at once (back_handle_st_cer in its src/backend.c waits after
-- asynchronous errors alone), so that all of its tries are over in a moment. The socket is gone, or belongs to another group, until
-- the new server takes requests. A socket can't be opened like a file: the error says whether it is there and may be used.
local DIRECTORY = "/run/glance-api"
local SOCKET = DIRECTORY .. "/http.socket"
-- systemd removes the directory with the end of the service, and starts one that has failed after two seconds (RestartSec).
local SECONDS, SECONDS_STOPPED, PAUSE = 30, 5, 0.1
-- The unit makes this before it takes the socket away, since a request that was let by a moment ago has not connected yet.
local STOPPING = DIRECTORY .. "/stopping"
-- No such file or directory, and no such device or address, on Linux.
local ENOENT, ENXIO = 2, 6

local function error_of(path)
    local file, _, reason = io.open(path)
    if file then
        file:close()
    end
    return reason
end

core.register_action("wait_for_server", { "http-req" }, function()
    local stopped = 0
    for _ = 1, SECONDS / PAUSE do
        if error_of(SOCKET) == ENXIO and error_of(STOPPING) == ENOENT then
            return
        end
        stopped = error_of(DIRECTORY) == ENOENT and stopped + PAUSE or 0
        if stopped >= SECONDS_STOPPED then
            return
        end
        core.msleep(PAUSE * 1000)
    end
end)
