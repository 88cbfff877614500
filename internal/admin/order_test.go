package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// The body of an operator's POST is an Order, with a text that fits a close frame, or the operator's mistake.
func FuzzOrder(f *testing.F) {
	for _, s := range []string{"", "{}", `{"slot":3,"text":"bye"}`, `{"seat":18446744073709551615}`, `{"slot":1.5}`, `{"Slot":-1,"slot":2}`, `{"text":"` + strings.Repeat("é", 61) + `"}`, "null", "[", `{"text":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		read := func(body []byte) (Order, error) {
			r, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			return readOrder(r, "by default")
		}
		o, err := read(body)
		if err != nil {
			if !errors.Is(err, errRequest) {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		if o.Text == "" || len(o.Text) > maxText || !utf8.ValidString(o.Text) {
			t.Errorf("%q: text %q", body, o.Text)
		}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := read(text)
		if err != nil || again.Text != o.Text || !same(again.Slot, o.Slot) || !same(again.Seat, o.Seat) {
			t.Errorf("%q reads as %+v, written again as %+v, %v", body, o, again, err)
		}
	})
}

func same[T comparable](a, b *T) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}
