%% The server that benches/http.lua is measured beside: a process for each connection, heads parsed by the runtime itself.
-module(hello).
-export([main/0]).

main() ->
    {ok, Listener} = gen_tcp:listen(0, [binary, {packet, http_bin}, {active, false}, {reuseaddr, true}, {backlog, 1024},
                                        {nodelay, true}, {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Listener),
    io:format("~b~n", [Port]),
    accept(Listener).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive go -> serve(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listener).

serve(Socket) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, {http_request, _Method, _Target, _Version}} -> head(Socket, #{});
        _ -> gen_tcp:close(Socket)
    end.

head(Socket, Fields) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, {http_header, _, Name, _, Value}} -> head(Socket, Fields#{Name => Value});
        {ok, http_eoh} ->
            {{Year, Month, Day}, {Hour, Minute, Second}} = calendar:universal_time(),
            Date = io_lib:format("~4..0b-~2..0b-~2..0b ~2..0b:~2..0b:~2..0b", [Year, Month, Day, Hour, Minute, Second]),
            ok = gen_tcp:send(Socket, [<<"HTTP/1.1 200 OK\r\ndate: ">>, Date, <<"\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello">>]),
            serve(Socket);
        _ -> gen_tcp:close(Socket)
    end.
