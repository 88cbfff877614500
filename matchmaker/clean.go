package matchmaker

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxOptionsDepth bounds the nesting of a room's options: games decode them
// with whatever they like.
const maxOptionsDepth = 16

// cleanText drops what is not printable text and cuts to limit bytes between
// characters.
func cleanText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s[:min(len(s), 4*limit)])
	s = strings.TrimSpace(s)
	for len(s) > limit {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// cleanName makes a name that is safe to show.
func cleanName(s string) string {
	s = cleanText(s, maxNameBytes)
	if utf8.RuneCountInString(s) > maxNameRunes {
		s = strings.TrimSpace(string([]rune(s)[:maxNameRunes]))
	}
	if s == "" {
		return "Player"
	}
	return s
}

// checkMetadata checks the bounds of metadata, or of filters.
func checkMetadata(m map[string]string) error {
	if len(m) > maxMetadata {
		return invalid("metadata has %d keys, at most %d", len(m), maxMetadata)
	}
	for _, p := range sortPairs(m) {
		switch {
		case p.Key == "" || len(p.Key) > maxMetadataKey:
			return invalid("metadata key %.80q is %d bytes long, must be 1 to %d", p.Key, len(p.Key), maxMetadataKey)
		case len(p.Value) > maxMetadataValue:
			return invalid("metadata value of %q is %d bytes long, at most %d", p.Key, len(p.Value), maxMetadataValue)
		case !utf8.ValidString(p.Key) || !utf8.ValidString(p.Value):
			return invalid("metadata of %q is not UTF-8", p.Key)
		}
	}
	return nil
}

// compactOptions checks a room's options and removes white space.
func compactOptions(raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, invalid("options: %v", err)
	}
	if out.Len() > maxOptionsBytes {
		return nil, invalid("options are %d bytes long, at most %d", out.Len(), maxOptionsBytes)
	}
	if depth := jsonDepth(out.Bytes()); depth > maxOptionsDepth {
		return nil, invalid("options are nested %d deep, at most %d", depth, maxOptionsDepth)
	}
	return out.Bytes(), nil
}

// jsonDepth returns how deep valid JSON is nested.
func jsonDepth(b []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch {
		case quoted && b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case quoted:
		case b[i] == '{' || b[i] == '[':
			depth++
			deepest = max(deepest, depth)
		case b[i] == '}' || b[i] == ']':
			depth--
		}
	}
	return deepest
}
