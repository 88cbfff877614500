package main

import (
	"bufio"
	"bytes"
	"flag"
	"os"
	"strings"
)

// cpuModel is the processor's name; "" where the system does not say.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if name, model, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return ""
}

// reproducible is the command line that runs the same again, without what belongs to this machine and its user: addresses,
// paths and keys.
func reproducible(flags *flag.FlagSet) string {
	line := "go run ./loadtest"
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "json", "html", "api-key":
			return
		case "url", "metrics":
			line += " -" + f.Name + " URL"
			return
		}
		value := f.Value.String()
		if strings.ContainsAny(value, " \"'{}$*") {
			value = "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
		}
		line += " -" + f.Name + " " + value
	})
	return line
}
