%% messages: the programs of messages.lua in Erlang.
%% erlc messages.erl; erl -noshell +S 1 -run messages main KIND COUNT
-module(messages).
-export([main/1]).

main([Kind, Count]) ->
    N = list_to_integer(Count),
    Run = prepare(Kind, N, self()),
    Start = erlang:monotonic_time(microsecond),
    Run(),
    Took = erlang:monotonic_time(microsecond) - Start,
    io:format("~s rate=~w~n", [Kind, round(N * 1.0e6 / Took)]),
    halt(0).

prepare("ring", N, Done) ->
    Head = spawn(fun() -> receive Next -> member(Next, Done) end end),
    Last = lists:foldl(fun(_, Next) -> spawn(fun() -> member(Next, Done) end) end, Head, lists:seq(2, 1000)),
    Head ! Last,
    fun() -> Head ! N, receive done -> ok end end;
prepare("pingpong", N, Me) ->
    Other = spawn(fun() -> return_to(Me) end),
    fun() -> rounds(N, fun(I) -> Other ! I, receive I -> ok end end) end;
prepare("pingpong-table", N, Me) ->
    Other = spawn(fun echo/0),
    fun() -> rounds(N, fun(I) -> Other ! {Me, ping, I}, receive {_, ping, I} -> ok end end) end;
prepare("fanin", N, Me) ->
    fun() ->
        Each = N div 100,
        [spawn(fun() -> rounds(Each, fun(I) -> Me ! {Id, I} end) end) || Id <- lists:seq(1, 100)],
        total(Each * 100, 0)
    end;
prepare("bigmsg", N, Me) ->
    List = lists:seq(1, 1000),
    Sink = spawn(fun sink/0),
    fun() ->
        rounds(N, fun(I) ->
            Sink ! List,
            case I rem 100 of
                0 -> Sink ! {ack, Me}, receive ack -> ok end;
                _ -> ok
            end
        end)
    end.

member(Next, Done) ->
    receive
        0 -> Done ! done;
        Left -> Next ! Left - 1
    end,
    member(Next, Done).

return_to(Me) -> receive M -> Me ! M end, return_to(Me).
echo() -> receive {From, _, _} = M -> From ! M end, echo().
sink() ->
    receive
        {ack, To} -> To ! ack;
        _ -> ok
    end,
    sink().

rounds(N, F) -> rounds(1, N, F).
rounds(I, N, _) when I > N -> ok;
rounds(I, N, F) -> F(I), rounds(I + 1, N, F).

total(0, Sum) -> Sum;
total(Left, Sum) -> receive {_, I} -> total(Left - 1, Sum + I) end.
