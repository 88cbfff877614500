package swarm

import "fmt"

// A Floor is what the same bytes cost without a server, measured before and after it: see loadtest/floor. Costs of different minutes
// differ; the ratio is what counts.
type Floor struct {
	InputBytes int `json:"input_bytes"` // sizes on the wire
	StateBytes int `json:"state_bytes"`
	// CPU per frame and input, of the run before, of the run after, and their mean.
	BeforeUS float64 `json:"before_us_per_frame"`
	AfterUS  float64 `json:"after_us_per_frame"`
	US       float64 `json:"us_per_frame"`
	// The server's CPU per state that bots received; Server.CPUUSPerFrame counts all that it sent as a frame.
	ServerUS float64 `json:"server_us_per_frame"`
	StepUS   float64 `json:"step_us_per_frame"` // of it in the game's code
	Ratio    float64 `json:"ratio"`             // ServerUS to US
	// RatioWithoutStep leaves the game's code out: Step, View and the other callbacks.
	RatioWithoutStep float64 `json:"ratio_without_step"`
	// LoopLateMS is how late an empty loop was that woke every 5 ms beside the server.
	LoopLateMS Late `json:"loop_late_ms"`
}

// Against puts the floor beside what the server took. Without the server's metrics it stays alone.
func (f *Floor) Against(r *Report) {
	f.US = round((f.BeforeUS + f.AfterUS) / 2)
	f.BeforeUS, f.AfterUS = round(f.BeforeUS), round(f.AfterUS)
	if v := r.Server; v != nil && r.Frames > 0 && r.DurationS > 0 && f.US > 0 {
		cpu, step := r.PerState()
		f.ServerUS, f.StepUS = round(cpu), round(step)
		f.Ratio, f.RatioWithoutStep = round(f.ServerUS/f.US), round((f.ServerUS-f.StepUS)/f.US)
	}
	r.Floor = f
}

// PerState is the server's CPU per state that bots received, and what of it was the game's code, in µs; 0 if it is not known.
// Server.CPUUSPerFrame counts all that the server sent as a frame.
func (r *Report) PerState() (cpuUS, stepUS float64) {
	v := r.Server
	if v == nil || r.Frames == 0 || r.DurationS <= 0 {
		return 0, 0
	}
	states := float64(r.Frames) / r.DurationS * v.took.Seconds()
	return v.CPUS / states * 1e6, v.stepS / states * 1e6
}

func (f *Floor) costText() string {
	return fmt.Sprintf("%.1f µs per frame (%.1f before, %.1f after; %d B in, %d B out)", f.US, f.BeforeUS, f.AfterUS, f.InputBytes, f.StateBytes)
}

func (f *Floor) ratioText() string {
	return fmt.Sprintf("server %.1f µs per state, %.1f of it the game's: %.2f × the floor, %.2f without the game", f.ServerUS, f.StepUS, f.Ratio, f.RatioWithoutStep)
}
