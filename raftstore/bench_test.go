package raftstore

import (
	"context"
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkApply proposes 200-byte commands from 1, 64 and 512 callers with
// fsync. commands/sync is what group commit is for.
func BenchmarkApply(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := openLeader(b, Config{Dir: b.TempDir()}, &ledger{})
			defer closeStore(b, s)
			cmd := make([]byte, 200)
			// RunParallel starts a multiple of GOMAXPROCS goroutines.
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			before := s.Stats()
			b.ReportAllocs()
			b.ResetTimer()
			if callers == 1 {
				for b.Loop() {
					applyOrFatal(b, s, cmd)
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						applyOrFatal(b, s, cmd)
					}
				})
			}
			b.StopTimer()
			st := s.Stats()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
			b.ReportMetric(float64(st.Commands-before.Commands)/float64(st.Syncs-before.Syncs), "commands/sync")
			b.ReportMetric(float64(st.Entries-before.Entries)/float64(st.Syncs-before.Syncs), "entries/sync")
		})
	}
}

func applyOrFatal(b *testing.B, s *Store, cmd []byte) {
	if _, err := s.Apply(context.Background(), cmd); err != nil {
		b.Error(err)
	}
}

// BenchmarkRead measures the linearizable barrier without writes beside it.
func BenchmarkRead(b *testing.B) {
	s := openLeader(b, Config{Dir: b.TempDir()}, &ledger{})
	defer closeStore(b, s)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Read(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
