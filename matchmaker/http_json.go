package matchmaker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// maxJSONDepth bounds how deep bodies are nested; a game's options may be a fraction of that.
const maxJSONDepth = 64

// jsonFormats is how bodies are read: JSON of which every reader makes the same (RFC 7493). encoding/json would take the last of
// two members with the same name, GAME for game, and bytes that are no text for U+FFFD; huma checks the first of them, and the
// others not at all.
func jsonFormats() map[string]huma.Format {
	strict := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalStrictly}
	return map[string]huma.Format{"application/json": strict, "json": strict} // the second is for application/problem+json
}

// unmarshalStrictly is json.Unmarshal for what strangers send. Its errors are for them.
func unmarshalStrictly(data []byte, v any) error {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return errors.New("begins with a byte order mark: leave it out")
	case !utf8.Valid(data):
		return errors.New("is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := checkMembers(dec, reflect.TypeOf(v), 0); err != nil && !errors.Is(err, errSyntax) {
		return err
	}
	return inWords(json.Unmarshal(data, v))
}

// errSyntax is what Unmarshal says better.
var errSyntax = errors.New("not JSON")

// checkMembers walks over the next value of dec, which is for a t, or for nothing in particular if t is nil.
func checkMembers(dec *json.Decoder, t reflect.Type, depth int) error {
	if depth > maxJSONDepth {
		return fmt.Errorf("is nested more than %d deep", maxJSONDepth)
	}
	open, err := dec.Token()
	if err != nil {
		return errSyntax
	}
	if open != json.Delim('{') && open != json.Delim('[') {
		return nil
	}
	seen := map[string]bool{}
	for t = membersOf(t); dec.More(); {
		inner := t
		if open == json.Delim('{') {
			key, err := dec.Token()
			name, ok := key.(string)
			if err != nil || !ok {
				return errSyntax
			}
			if seen[name] {
				return fmt.Errorf("has the name %.40q twice in one object", name)
			}
			seen[name] = true
			if inner, err = memberType(t, name); err != nil {
				return err
			}
		}
		if err := checkMembers(dec, inner, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errSyntax
	}
	return nil
}

// membersOf is the struct that an object is for, or the type of a map's or list's elements; nil where any names will do.
func membersOf(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return nil
	case t.Kind() == reflect.Map, t.Kind() == reflect.Slice:
		return t.Elem()
	case t.Kind() == reflect.Struct:
		return t
	}
	return nil
}

// memberType is what the member of an object is for. The names of a struct are those that it says, letter by letter.
func memberType(t reflect.Type, name string) (reflect.Type, error) {
	if t == nil || t.Kind() != reflect.Struct {
		return t, nil
	}
	for f := range t.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			return f.Type, nil
		}
	}
	return nil, fmt.Errorf("%.40q: unexpected property; names are in lower case", name)
}

// inWords says to somebody who does not write Go what is wrong.
func inWords(err error) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return fmt.Errorf("%w (byte %d)", err, syntax.Offset)
	}
	wrong := (*json.UnmarshalTypeError)(nil)
	if !errors.As(err, &wrong) {
		return err
	}
	want := "something else"
	switch wrong.Type.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		want = "a whole number, written without point and exponent, of at most 64 bits"
	case reflect.Float64:
		want = "a number that fits into 64 bits"
	case reflect.String:
		want = "text"
	case reflect.Bool:
		want = "true or false"
	case reflect.Struct, reflect.Map:
		want = "an object"
	case reflect.Slice:
		want = "a list"
	}
	if wrong.Field == "" {
		return fmt.Errorf("%.60s is not accepted: want %s", wrong.Value, want)
	}
	return fmt.Errorf("%s: %.60s is not accepted: want %s", wrong.Field, wrong.Value, want)
}
