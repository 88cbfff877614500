package ringside

import "testing"

// Whatever the limit is, what may be open together leaves files for what keeps the rooms.
func TestPlacesFitIntoOpenFiles(t *testing.T) {
	for _, want := range []places{
		{connections: 16_384, calls: 2048, streams: 50_000},
		{connections: 16_384, calls: 2048, streams: 50_000, admin: maxAdminCalls},
		{connections: 1, calls: 2048, streams: 1},
		{connections: 1_000_000, calls: 125_000, streams: 1_000_000, admin: maxAdminCalls},
		{connections: 100, calls: 2048, streams: 5},
	} {
		for files := uint64(64); files < 4_000_000; files += 1 + files/17 {
			got := want.within(files, filesReserve)
			if got.connections < 1 || got.calls < 1 || got.streams < 1 || want.admin > 0 && got.admin < 1 {
				t.Fatalf("%+v with %d files: %+v leaves nothing of a kind", want, files, got)
			}
			if got.connections > want.connections || got.calls > want.calls || got.streams > want.streams || got.admin > want.admin {
				t.Fatalf("%+v with %d files: %+v is more than was asked for", want, files, got)
			}
			if kept := files - got.sum(); got.sum() > files || kept < min(filesReserve, files/2) {
				t.Fatalf("%+v with %d files: %+v keeps %d for the rest", want, files, got, kept)
			}
			if got != want && files >= want.sum()+filesReserve {
				t.Fatalf("%+v with %d files: %+v, though there are enough", want, files, got)
			}
		}
	}
}

func TestStreamsShrinkFirst(t *testing.T) {
	want := places{connections: 16_384, calls: 2048, streams: 50_000}
	for _, c := range []struct {
		files                       uint64
		connections, calls, streams int
	}{
		{0, 16_384, 2048, 50_000}, // unknown
		{100_000, 16_384, 2048, 50_000},
		{68_688, 16_384, 2048, 50_000},
		{68_687, 16_384, 2048, 49_999},
		{20_000, 16_384, 2048, 1312},
		{1024, 528, 192, 48},
		{256, 88, 32, 8},
	} {
		if got := want.within(c.files, filesReserve); got != (places{connections: c.connections, calls: c.calls, streams: c.streams}) {
			t.Errorf("%d files: %+v, want %+v", c.files, got, c)
		}
	}
}
