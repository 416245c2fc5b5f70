-- Holds a request while Glance's server is being restarted.
--
-- HAProxy tries a TCP server again a second later, but a Unix socket at once (back_handle_st_cer in its src/backend.c waits after
-- asynchronous errors alone), so that all of its tries are over in a moment. The socket is gone, or belongs to another group, until
-- the new server takes requests. A socket can't be opened like a file: the error says whether it is there and may be used.
local SOCKET = "/run/glance-api/http.socket"
local SECONDS, PAUSE = 30, 0.1
-- No such device or address, on Linux.
local ENXIO = 6

core.register_action("wait_for_server", { "http-req" }, function()
    for _ = 1, SECONDS / PAUSE do
        local _, _, reason = io.open(SOCKET)
        if reason == ENXIO then
            return
        end
        core.msleep(PAUSE * 1000)
    end
end)
