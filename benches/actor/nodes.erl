%% Messages between two nodes, of one kind: nodes.lua in Erlang.
-module(nodes).
-export([main/1]).

server(Count) ->
    receive
        {ping, From, N} -> From ! {pong, N}, server(Count);
        {one, _} -> server(Count + 1);
        {count, From} -> From ! {count, Count, cpu()}, server(0);
        stop -> halt(0)
    end.

%% Microseconds of all threads, those in the system too, to 10 ms. (statistics(runtime) leaves the system out.)
cpu() ->
    {ok, File} = file:open("/proc/self/stat", [read]),
    {ok, Line} = file:read_line(File),
    ok = file:close(File),
    Fields = string:lexemes(lists:last(string:split(Line, ")", trailing)), " "),
    (list_to_integer(lists:nth(12, Fields)) + list_to_integer(lists:nth(13, Fields))) * 10000.

count(To) -> To ! {count, self()}, receive {count, N, Cpu} -> {N, Cpu + cpu()} end.

run(trips, _, 0) -> ok;
run(trips, To, N) -> To ! {ping, self(), N}, receive {pong, N} -> ok end, run(trips, To, N - 1);
run(small, To, N) -> ways(To, 1, N);
run(big, To, N) -> ways(To, binary:copy(<<"x">>, 1024), N).

ways(_, _, 0) -> ok;
ways(To, M, N) -> To ! {one, M}, ways(To, M, N - 1).

connect(Node) ->
    case net_adm:ping(Node) of
        pong -> ok;
        pang -> timer:sleep(100), connect(Node)
    end.

main(["server"]) -> register(server, self()), io:format("ready~n"), server(0);
main(["client", Name, Kind, Number]) ->
    Node = list_to_atom(Name),
    connect(Node),
    {To, N} = {{server, Node}, list_to_integer(Number)},
    {_, Before} = count(To),
    T0 = erlang:monotonic_time(microsecond),
    run(list_to_atom(Kind), To, N),
    {_, After} = count(To),
    T = erlang:monotonic_time(microsecond) - T0,
    io:format("rate=~w cpu=~.3f~n", [round(N / T * 1.0e6), (After - Before) / N]),
    To ! stop,
    timer:sleep(100),
    halt(0).
