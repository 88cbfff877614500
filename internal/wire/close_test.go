package wire

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// protocolTable returns the cells of the table rows whose first cell is a number, from one section of docs/PROTOCOL.md.
func protocolTable(t *testing.T, section string) [][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "\n## "+section)
	if !found {
		t.Fatalf("docs/PROTOCOL.md has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var rows [][]string
	for _, row := range regexp.MustCompile(`(?m)^\| *[0-9].*\|$`).FindAllString(text, -1) {
		cells := strings.Split(strings.Trim(row, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

func TestCloseTableIsTheProtocols(t *testing.T) {
	rows := protocolTable(t, "9. Close codes")
	if len(rows) != len(closeTable) {
		t.Fatalf("docs/PROTOCOL.md has %d close codes, closeTable %d", len(rows), len(closeTable))
	}
	for i, row := range rows {
		got := closeTable[i]
		if row[0] != strconv.Itoa(int(got.code)) || row[1] != got.name {
			t.Errorf("row %d: got %d %s, want %s %s", i, got.code, got.name, row[0], row[1])
		}
		if meaning := strings.TrimSuffix(row[2], "; reason = URL"); meaning != got.reason {
			t.Errorf("%s: reason %q, want %q", got.name, got.reason, meaning)
		}
		if len(got.reason) > MaxCloseReason {
			t.Errorf("%s: reason of %d bytes", got.name, len(got.reason))
		}
		if want := ruleOf(t, row[3]); got.retry != want || got.code.Retry() != want {
			t.Errorf("%s: table %d, Retry() %d, want %d (%s)", got.name, got.retry, got.code.Retry(), want, row[3])
		}
		if got.code.String() != got.name || got.code.Reason() != got.reason {
			t.Errorf("%d: String %q, Reason %q", got.code, got.code, got.code.Reason())
		}
	}
}

func ruleOf(t *testing.T, action string) RetryRule {
	t.Helper()
	for _, r := range []struct {
		prefix string
		rule   RetryRule
	}{{"stop", RetryNever}, {"resume there", RetryMoved}, {"resume", RetryResume}, {"ask the matchmaker", RetryMatchmaker}} {
		if strings.HasPrefix(action, r.prefix) {
			return r.rule
		}
	}
	t.Fatalf("what rule is %q?", action)
	return 0
}

func TestCloseCodesBesideTheTable(t *testing.T) {
	for code, want := range map[CloseCode]RetryRule{
		1000: RetryResume, 1001: RetryResume, 1006: RetryResume, 1002: RetryNever, 1003: RetryNever,
		4050: RetryNever, 4150: RetryResume, 4250: RetryMatchmaker, 4350: RetryMoved, 4999: RetryNever,
	} {
		if got := code.Retry(); got != want {
			t.Errorf("%d: Retry() = %d, want %d", code, got, want)
		}
	}
	if got := CloseCode(4999).String() + CloseCode(4999).Reason(); got != "4999" {
		t.Errorf("unknown code: %q", got)
	}
}
