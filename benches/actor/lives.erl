%% Lives of processes, as lives.lua has them: the kind, how many; prints `rate=` in a second.
-module(lives).
-export([main/1]).

-define(BATCH, 1000).

now_us() -> erlang:monotonic_time(microsecond).

waiter(Main) -> receive _ -> Main ! true end.
failing() -> receive _ -> exit(boom) end.
chain(1, Main) -> Main ! self(), failing();
chain(K, Main) -> spawn_link(fun() -> chain(K - 1, Main) end), receive _ -> ok end.

collect(0) -> ok;
collect(N) -> receive _ -> collect(N - 1) end.

senders(0, _) -> ok;
senders(N, Main) -> spawn(fun() -> Main ! true end), senders(N - 1, Main).
waiters(0, _, Pids) -> Pids;
waiters(N, Main, Pids) -> waiters(N - 1, Main, [spawn(fun() -> waiter(Main) end) | Pids]).

run(exit, 0, _) -> none;
run(exit, N, Main) ->
    Batch = min(N, ?BATCH),
    senders(Batch, Main),
    collect(Batch),
    run(exit, N - Batch, Main);
run(wait, N, Main) -> waiters(N, Main, []), none;
run(stop, N, Main) ->
    Pids = waiters(N, Main, []),
    timer:sleep(300),
    Begun = now_us(),
    lists:foreach(fun(P) -> P ! true end, Pids),
    collect(N),
    Begun;
run(monitor, 0, _) -> none;
run(monitor, N, Main) ->
    P = spawn(fun failing/0),
    R = monitor(process, P),
    P ! true,
    receive {'DOWN', R, process, P, boom} -> ok end,
    run(monitor, N - 1, Main);
run(build, N, Main) ->
    spawn(fun() -> chain(N, Main) end),
    receive _ -> none end;
run(unwind, N, Main) ->
    {Head, R} = spawn_monitor(fun() -> chain(N, Main) end),
    Last = receive P -> P end,
    Begun = now_us(),
    Last ! true,
    receive {'DOWN', R, process, Head, boom} -> ok end,
    Begun.

main([Kind, N_]) ->
    N = list_to_integer(N_),
    Begun = now_us(),
    Later = run(list_to_atom(Kind), N, self()),
    From = if Later =:= none -> Begun; true -> Later end,
    io:format("rate=~w~n", [N * 1000000 div max(1, now_us() - From)]),
    halt(0).
