package admin

import (
	"fmt"
	"net/http"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Profiles are written by hand rather than by net/http/pprof, which would add itself to the default mux of every program that
// has this package in it, and knows neither our deadlines nor our labels.

// maxProfile is the longest a profile is taken.
const maxProfile = 5 * time.Minute

func (a *api) profiles(w http.ResponseWriter, _ *http.Request) error {
	names := []string{"profile", "trace"}
	for _, p := range pprof.Profiles() {
		names = append(names, p.Name())
	}
	slices.Sort(names)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "go tool pprof <this address>/NAME; ?seconds= for profile and trace, ?debug=1 for text\n\n%s\n", strings.Join(names, "\n"))
	return nil
}

func (a *api) profile(w http.ResponseWriter, r *http.Request) error {
	switch name := r.PathValue("name"); name {
	case "profile":
		return a.timed(w, r, 30, func() error { return pprof.StartCPUProfile(w) }, pprof.StopCPUProfile)
	case "trace":
		return a.timed(w, r, 1, func() error { return trace.Start(w) }, trace.Stop)
	default:
		p := pprof.Lookup(name)
		if p == nil {
			problem(w, http.StatusNotFound, "profile_unknown", fmt.Sprintf("there is no profile %q", name))
			return nil
		}
		debug := 0
		if text := r.URL.Query().Get("debug"); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > 2 {
				return fmt.Errorf("%w: debug %q: want 0, 1 or 2", errRequest, text)
			}
			debug = n
		}
		if debug == 0 {
			attachment(w, name)
		} else {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		}
		return p.WriteTo(w, debug)
	}
}

// timed takes a profile that lasts.
func (a *api) timed(w http.ResponseWriter, r *http.Request, seconds float64, start func() error, stop func()) error {
	if text := r.URL.Query().Get("seconds"); text != "" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n > 0 && n <= maxProfile.Seconds()) { // NaN is neither
			return fmt.Errorf("%w: seconds %q: want up to %.0f", errRequest, text, maxProfile.Seconds())
		}
		seconds = n
	}
	d := time.Duration(seconds * float64(time.Second))
	extend(w, d+time.Minute)
	attachment(w, r.PathValue("name"))
	if err := start(); err != nil {
		w.Header().Del("Content-Disposition")
		problem(w, http.StatusConflict, "profile_runs", err.Error())
		return nil
	}
	defer stop()
	done := time.NewTimer(d)
	defer done.Stop()
	select {
	case <-done.C:
	case <-r.Context().Done():
	}
	return nil
}
