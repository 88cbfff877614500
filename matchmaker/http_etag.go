package matchmaker

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

func etag(r *Room) string { return strconv.Quote(strconv.FormatUint(r.Version, 10)) }

// hasTag says whether a list of entity tags, as in If-None-Match, has a tag. Weak ones are as good as others there (RFC 9110,
// 13.1.2): proxies that compress answers make all of them weak.
func hasTag(list, tag string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// matchVersions returns the versions that If-Match names, none for *. ETags that are not ours, and weak ones, match no room:
// version 0.
func matchVersions(header string) ([]uint64, error) {
	header = strings.TrimSpace(header)
	switch header {
	case "":
		return nil, newProblem(http.StatusPreconditionRequired, "if_match_missing", "send If-Match with the room's ETag, so that you undo nobody's change; or * if you do not care")
	case "*":
		return nil, nil
	}
	tags := strings.Split(header, ",")
	if len(tags) > maxVersions {
		return nil, newProblem(http.StatusUnprocessableEntity, "invalid_request", "If-Match names more than 8 ETags")
	}
	versions := make([]uint64, len(tags))
	for i, tag := range tags {
		tag, weak := strings.CutPrefix(strings.TrimSpace(tag), "W/")
		if !entityTag(tag) {
			return nil, newProblem(http.StatusBadRequest, "malformed", fmt.Sprintf("If-Match: %.40q is no ETag: send one as you got it, with its quotes, or * alone", tag))
		}
		if !weak {
			versions[i], _ = strconv.ParseUint(tag[1:len(tag)-1], 10, 64) // 0 if it is none
		}
	}
	return versions, nil
}

// entityTag reports whether s is in quotes and has none inside (RFC 9110, 8.8.3).
func entityTag(s string) bool {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	for _, c := range []byte(s[1 : len(s)-1]) {
		if c <= ' ' || c == '"' || c == 0x7f {
			return false
		}
	}
	return true
}
