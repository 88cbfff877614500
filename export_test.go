package ringside

import (
	"errors"
	"flag"
	"strings"
)

// HelpText is what -help prints.
func HelpText() string {
	var b strings.Builder
	if _, err := parseFlags(&Config{}, []string{"-help"}, &b); !errors.Is(err, flag.ErrHelp) {
		return ""
	}
	return b.String()
}
