package matchmaker

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// What the OpenAPI document says beside what the handlers' types say by themselves.

// callDoc describes one call.
type callDoc struct {
	tag, text string
	problems  []int             // statuses it may be refused with, beside those of every call
	send      any               // an example of the request's body
	params    map[string]any    // examples of its parameters
	answer    map[int]any       // examples of what it answers
	codes     map[int][2]string // code and detail of its problems, where another than the status's usual one is a better example
}

const (
	exampleRoom   = "b1q8zkw2mf"
	exampleCode   = "7K3QXM"
	exampleToken  = "nAECqmIxcTh6a3cybWYBAAEAqWFub24tM2s5elD"
	exampleTime   = "2026-05-04T12:00:00Z"
	serversOnly   = " For servers: it takes an API key, unless the node was started open."
	repeatable    = " With an Idempotency-Key it may be repeated: the same request with the same key gets the same answer for ten minutes, with Idempotent-Replayed: true and a fresh token; another request with that key gets 422 idempotency_key_reused."
	tagRooms      = "Rooms"
	tagSeats      = "Seats"
	tagWatching   = "Watching"
	problemJSON   = "application/problem+json"
	eventStream   = "text/event-stream"
	documentTitle = "Ringside"
)

// documentConfig is the head of the OpenAPI document.
func documentConfig(cfg *huma.Config) {
	cfg.Info.Description = "Rooms, seats and the tokens that open them. Errors are problems (RFC 9457); their code is stable."
	cfg.Info.Contact = &huma.Contact{Name: documentTitle, URL: "https://github.com/ringside-server/ringside"}
	cfg.Info.License = &huma.License{Name: "Apache-2.0", URL: "https://www.apache.org/licenses/LICENSE-2.0"}
	cfg.Servers = []*huma.Server{{URL: "/", Description: "The node that served this document"}}
	cfg.Tags = []*huma.Tag{
		{Name: tagRooms, Description: "Make rooms, find them, change them, read how they ended"},
		{Name: tagSeats, Description: "Get players into rooms, and out of them"},
		{Name: tagQueues, Description: "Let players wait for others who fit"},
		{Name: tagWatching, Description: "Hear of changes as they happen"},
	}
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "A server's API key, or a player's token; nodes may do without"},
	}
	cfg.Security = []map[string][]string{{"bearer": {}}, {}}
}

func callDocs() map[string]callDoc { //nolint:funlen // a table, one call after the other
	room := map[string]any{
		"id": exampleRoom, "game": "arena", "state": "running", "visibility": "public", "locked": false, "max_players": 8,
		"free": 7, "spectators": 0, "metadata": map[string]any{"mode": "ctf"}, "created_at": exampleTime, "version": 3,
	}
	whole := map[string]any{
		"url": "ws://127.0.0.1:7777/v1/rooms/" + exampleRoom + "/ws",
		"seats": []any{map[string]any{
			"seat": 1, "slot": 0, "name": "Ann", "role": "player", "state": "reserved",
		}},
	}
	for k, v := range room {
		whole[k] = v
	}
	grant := map[string]any{
		"room": exampleRoom, "url": "ws://127.0.0.1:7777/v1/rooms/" + exampleRoom + "/ws", "token": exampleToken,
		"expires_at": exampleTime, "seat": 1, "slot": 0,
	}
	id := map[string]any{"id": exampleRoom}
	overloaded := map[int][2]string{503: {"overloaded", "this node takes nothing new at the moment: it is short of memory"}}
	docs := map[string]callDoc{
		"create-room": {
			tag: tagRooms, problems: []int{400, 401, 403, 404, 410, 413, 415, 503, 504}, codes: overloaded,
			text:   "Makes a room and answers when it runs. A private room is in no list and has a join code." + serversOnly + repeatable,
			send:   map[string]any{"game": "arena", "metadata": map[string]any{"mode": "ctf"}},
			answer: map[int]any{201: room},
		},
		"list-rooms": {
			tag: tagRooms, problems: []int{401, 403},
			text:   "Lists public rooms in the order of their ids, a page at a time: follow Link, or pass next as after, until there is none.",
			answer: map[int]any{200: map[string]any{"rooms": []any{room}}},
		},
		"read-room": {
			tag: tagRooms, problems: []int{404}, params: id,
			text:   "Reads a room, a private one too: whoever knows its id may. With If-None-Match it answers 304 while the room is unchanged; with wait as well, it answers as soon as the room changes, and 304 at the end of the wait.",
			answer: map[int]any{200: whole},
		},
		"list-games": {
			tag: tagRooms, text: "Lists the games rooms can be made of.",
			answer: map[int]any{200: map[string]any{"games": []any{map[string]any{
				"name": "arena", "version": 1, "max_players": 16, "tick_hz": 20, "send_hz": 20,
			}}}},
		},
		"update-room": {
			tag: tagRooms, problems: []int{400, 401, 403, 404, 410, 412, 413, 415, 428},
			text:   "Changes what is named and leaves the rest. If-Match must hold the room's ETag, or * to overwrite whatever is there: 412 says that somebody else has changed it, and carries the new ETag." + serversOnly,
			params: map[string]any{"id": exampleRoom, "If-Match": "*"},
			send:   map[string]any{"locked": false, "metadata": map[string]any{"round": "2"}},
			answer: map[int]any{200: whole},
		},
		"end-room": {
			tag: tagRooms, problems: []int{401, 403, 404, 410, 501, 503, 504}, params: id,
			text: "Ends a room: its players are told, their connections closed with 4009. Answers when the room has ended." + serversOnly,
		},
		"read-result": {
			tag: tagRooms, problems: []int{404, 409}, params: id,
			text: "Reads how a room ended, for ten minutes after it did; the webhook keeps trying for a day.",
			answer: map[int]any{200: map[string]any{
				"room": exampleRoom, "game": "arena", "reason": "finished", "code": 4009, "ended_at": exampleTime, "result": nil,
			}},
		},
		"reserve-seats": {
			tag: tagSeats, problems: []int{400, 401, 403, 404, 409, 410, 413, 415, 503, 504}, params: id,
			text:   "Reserves a seat for each player, or none for anybody. A player who has one reserved gets it again. Servers ask for up to 16 players; players for themselves, in a room whose id they know." + repeatable,
			send:   map[string]any{"players": []any{map[string]any{"name": "Ann"}}},
			answer: map[int]any{201: map[string]any{"seats": []any{grant}}},
		},
		"join": {
			tag: tagSeats, problems: []int{400, 401, 403, 404, 409, 410, 413, 415, 503, 504},
			text:   "Seats a player in the fullest public room of a game whose metadata has all filters, or in a new room with that metadata; or, with code, in that private room. Players join as themselves; options and bots are for servers." + repeatable,
			send:   map[string]any{"game": "arena", "filters": map[string]any{"mode": "ctf"}, "player": map[string]any{"name": "Ann"}},
			answer: map[int]any{200: grant, 201: grant},
		},
		"kick": {
			tag: tagSeats, problems: []int{401, 403, 404, 410, 501, 503}, params: map[string]any{"id": exampleRoom, "seat": 1},
			text: "Frees a seat. A reserved one is free at once and its token worthless; the player in a taken one is disconnected with 4007. A seat that is free already is no error." + serversOnly,
		},
		"room-events": {
			tag: tagWatching, problems: []int{404, 503}, params: id, codes: overloaded,
			text: "An event stream (Server-Sent Events) of a room: event room with the room as it is, then again at each change, and ended at last; close the EventSource then. The rooms in it have no url.",
		},
		"lobby-events": {
			tag: tagWatching, problems: []int{401, 403, 429, 503}, codes: overloaded,
			text: "An event stream of public rooms: event room for each room there is (the first 1,000, or 512 KiB), then for each that is new or has changed, and gone with the id of one that has ended or become private.",
		},
	}
	maps.Copy(docs, ticketDocs())
	return docs
}

// document adds to the generated document what callDocs says, and to every operation the problems it may answer with.
func document(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own way to say what is wrong, which asProblem replaces
	delete(schemas, "ErrorDetail")
	docs := callDocs()
	for _, item := range doc.Paths {
		for _, op := range operations(item) {
			if op == nil {
				continue
			}
			if d, ok := docs[op.OperationID]; ok {
				d.add(op)
			}
		}
	}
}

func (d *callDoc) add(op *huma.Operation) {
	op.Tags, op.Description = []string{d.tag}, d.text
	for _, p := range op.Parameters {
		if example, ok := d.params[p.Name]; ok {
			p.Example = example
		}
	}
	if op.RequestBody != nil {
		op.RequestBody.Required = true
		op.RequestBody.Content["application/json"].Example = d.send
	}
	success := op.Responses[strconv.Itoa(op.DefaultStatus)]
	for status, example := range d.answer {
		key := strconv.Itoa(status)
		if op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{
				Description: http.StatusText(status), Headers: success.Headers,
				Content: map[string]*huma.MediaType{"application/json": {Schema: success.Content["application/json"].Schema}},
			}
		}
		op.Responses[key].Content["application/json"].Example = example
	}
	if d.tag == tagWatching {
		success.Content = map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	d.addProblems(op)
}

// exampleProblem is what one of the problems with a status looks like.
func (d *callDoc) exampleProblem(op *huma.Operation, status int) map[string]any {
	examples := map[int][2]string{
		400: {"malformed", "unexpected end of JSON input"},
		401: {"unauthorized", "send a server's API key: Authorization: Bearer KEY"},
		403: {"forbidden", "only a server may do this"},
		404: {"room_unknown", "no such room"},
		409: {"full", "room is full"},
		410: {"ended", "room has ended"},
		412: {"version_mismatch", "the room has changed since you read it"},
		408: {"request_timeout", "request body read timeout"},
		413: {"too_large", "request body is too large"},
		415: {"media_type", "send application/json"},
		422: {"invalid_request", "query.nonsense: unknown query parameter"},
		428: {"if_match_missing", "send If-Match with the room's ETag"},
		429: {"too_many_requests", "this address sends too many requests"},
		500: {"internal", "this call failed; the operator's log says why"},
		501: {"not_supported", "this node cannot do that"},
		503: {"unavailable", "the directory did not answer; the outcome is unknown"},
		504: {"unknown_outcome", "room start not confirmed in time"},
	}
	e, ok := d.codes[status]
	if !ok {
		e = examples[status]
	}
	return map[string]any{
		"type": "urn:ringside:problem:" + e[0], "title": http.StatusText(status), "status": status, "detail": e[1],
		"instance": op.Path, "code": e[0],
	}
}

// addProblems documents each status a call may be refused with, instead of one default for all.
func (d *callDoc) addProblems(op *huma.Operation) {
	problem := op.Responses["default"]
	delete(op.Responses, "default")
	statuses := append(slices.Clone(d.problems), http.StatusUnprocessableEntity, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable)
	if op.RequestBody != nil {
		statuses = append(statuses, http.StatusRequestTimeout)
	}
	for _, status := range statuses {
		r := &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{
			problemJSON: {Schema: problem.Content[problemJSON].Schema, Example: d.exampleProblem(op, status)},
		}}
		switch status {
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			r.Headers = map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait", Schema: &huma.Schema{Type: huma.TypeInteger}}}
		case http.StatusUnauthorized:
			r.Headers = map[string]*huma.Param{"WWW-Authenticate": {Description: "Bearer", Schema: &huma.Schema{Type: huma.TypeString}}}
		}
		op.Responses[strconv.Itoa(status)] = r
	}
}
