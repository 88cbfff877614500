package matchmaker

import "net/http"

const (
	exampleTicket = "3q9m7vz0k2xw5d8r1t6y4b3h0c"
	exampleQueue  = "arena-2v2"
	tagQueues     = "Queues"
)

// ticketDocs describes the calls of the queues.
func ticketDocs() map[string]callDoc {
	player := map[string]any{"name": "Ann", "rating": 1510}
	ticket := map[string]any{
		"id": exampleTicket, "queue": exampleQueue, "state": "waiting", "created_at": exampleTime, "waited_s": 4.2,
		"players":    []any{map[string]any{"id": "anon-8f2k1c9x", "name": "Ann", "rating": 1510}},
		"expires_at": exampleTime, "rating_window": 184,
	}
	id := map[string]any{"id": exampleTicket}
	unknown := map[int][2]string{http.StatusNotFound: {"ticket_unknown", "no such ticket"}}
	return map[string]callDoc{
		"create-ticket": {
			tag: tagQueues, problems: []int{400, 401, 403, 404, 409, 413, 415, 503, 504},
			text:   "Lets a party wait in a queue for others who fit. Servers speak for anybody; players for themselves, one ticket in a queue: 409 says that there is one, in Location if it is the caller's own. The ticket's id is the key to it: keep it secret." + repeatable,
			send:   map[string]any{"queue": exampleQueue, "players": []any{player}},
			answer: map[int]any{202: ticket},
			codes: map[int][2]string{
				http.StatusNotFound:           {"queue_unknown", "no such queue"},
				http.StatusConflict:           {"ticket_exists", "player already has a ticket in this queue"},
				http.StatusServiceUnavailable: {"too_many_tickets", "too many tickets"},
			},
		},
		"read-ticket": {
			tag: tagQueues, problems: []int{404, 503}, params: id, codes: unknown,
			text:   "Reads a ticket; a matched one has a fresh token for each seat that is still to be taken. With If-None-Match it answers 304 while the ticket is unchanged; with wait as well, it answers as soon as the ticket changes, and 304 at the end of the wait.",
			answer: map[int]any{200: ticket},
		},
		"cancel-ticket": {
			tag: tagQueues, problems: []int{404, 409, 503, 504}, params: id,
			text: "Takes a ticket out of its queue, for whoever knows its id. It may be repeated. If the match was first, 409 has it in match.",
			codes: map[int][2]string{
				http.StatusNotFound: unknown[http.StatusNotFound],
				http.StatusConflict: {"matched", "ticket is matched already"},
			},
		},
		"ticket-events": {
			tag: tagQueues, problems: []int{404, 503}, params: id, codes: unknown,
			text: "An event stream (Server-Sent Events) of a ticket: event ticket with the whole ticket as it is, then again at each change. The last one is not waiting any more; close the EventSource then.",
		},
		"list-queues": {
			tag: tagQueues, text: "Lists the queues of the node: what a match of them is, how many tickets wait, and for how long the last ones did.",
			answer: map[int]any{200: map[string]any{"queues": []any{map[string]any{
				"name": exampleQueue, "game": "arena", "teams": 2, "team_size": 2, "max_wait_s": 120, "waiting": 3,
			}}}},
		},
	}
}
