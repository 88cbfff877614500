package matchmaker

import (
	"strings"
	"testing"
)

// What is no JSON, or JSON of which two readers make two things, never gets to a handler.
func TestStrictJSON(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	for _, tc := range []struct {
		name, body string
		status     int
		detail     string
	}{
		{"end", `{"game":`, 400, "body: unexpected end of JSON input (byte 8)"},
		{"behind it", `{"game":"arena"} x`, 400, "after top-level value (byte 18)"},
		{"two values", `{"game":"arena"}{}`, 400, "after top-level value"},
		{"NaN", `{"game":"arena","bots":NaN}`, 400, "invalid character 'N'"},
		{"byte order mark", "\xef\xbb\xbf" + `{"game":"arena"}`, 400, "byte order mark"},
		{"no UTF-8", "{\"game\":\"ar\xffena\"}", 400, "not valid UTF-8"},
		{"no UTF-8 in metadata", "{\"game\":\"arena\",\"metadata\":{\"k\":\"\xc0\x80\"}}", 400, "not valid UTF-8"},
		{"twice", `{"game":"cards","game":"arena"}`, 400, `the name "game" twice`},
		{"twice in metadata", `{"game":"arena","metadata":{"k":"1","\u006b":"2"}}`, 400, `the name "k" twice`},
		{"twice in options", `{"game":"arena","options":[{"a":{"b":1,"b":2}}]}`, 400, `the name "b" twice`},
		{"other case", `{"Game":"arena"}`, 422, `"Game": unexpected property`},
		{"other case beside it", `{"game":"arena","GAME":"cards"}`, 422, `"GAME": unexpected property`},
		{"other case past an enumeration", `{"game":"arena","visibility":"public","Visibility":"nobody"}`, 422, `"Visibility": unexpected property`},
		{"deep", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), 400, "nested more than 64 deep"},
		{"deep options", `{"game":"arena","options":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "}", 400, "nested more than 64 deep"},
		{"deep and broken", strings.Repeat("[", 60_000), 400, "nested more than 64 deep"},
		{"too large a number", `{"game":"arena","bots":1e999}`, 400, "number 1e999 is not accepted: want a number"},
		{"too large a number in options", `{"game":"arena","options":{"n":1e999}}`, 400, "number 1e999 is not accepted"},
		{"huge", `{"game":"arena","bots":123456789012345678901234567890}`, 422, "bots: number 123456789012345678901234567890 is not accepted: want a whole number"},
		{"point", `{"game":"arena","bots":1.0}`, 422, "bots: number 1.0 is not accepted: want a whole number"},
		{"exponent", `{"game":"arena","bots":1e0}`, 422, "bots: number 1e0 is not accepted"},
		{"null", `null`, 422, "expected object"},
		{"list", `[]`, 422, "expected object"},
		{"minus zero", `{"game":"arena","bots":-0}`, 201, ""},
		{"names that differ in case are two elsewhere", `{"game":"arena","metadata":{"k":"1","K":"2"},"options":{"a":1,"A":2}}`, 201, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, out := f.mustCall(t, tc.status, "POST", "/v1/rooms", tc.body)
			if detail, _ := out["detail"].(string); !strings.Contains(detail, tc.detail) || strings.Contains(detail, "Go ") {
				t.Errorf("detail %q, want %q", detail, tc.detail)
			}
		})
	}
}

func FuzzStrictJSON(f *testing.F) {
	for _, s := range []string{`{"game":"arena","options":{"a":[1,{"b":null}]},"metadata":{"k":"v"}}`, `{"game":"a","game":"b"}`, `[`, "\xff", `{"":{"":`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var in createInput
		if err := unmarshalStrictly(data, &in.Body); err == nil {
			again := mustJSON(in.Body)
			var same createInput
			if err := unmarshalStrictly(again, &same.Body); err != nil {
				t.Fatalf("%q was read, and %q is not: %v", data, again, err)
			}
		}
	})
}
