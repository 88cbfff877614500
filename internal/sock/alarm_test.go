package sock

import (
	"testing"
	"time"
)

func TestAnAlarmGoesOffUnlessItIsSetAgain(t *testing.T) {
	a, err := NewAlarm()
	if err != nil {
		t.Fatal(err)
	}
	rang := make(chan bool)
	go func() {
		for a.Wait() {
			rang <- true
		}
		close(rang)
	}()
	a.Set(time.Millisecond)
	<-rang // or the test ends by its own deadline
	a.Set(time.Hour)
	a.Set(0)
	a.Set(time.Millisecond)
	<-rang
	a.Set(time.Hour)
	a.Close()
	if _, open := <-rang; open {
		t.Error("an alarm went off that was an hour away")
	}
}

func TestSettingAnAlarmDoesNotAllocate(t *testing.T) {
	a, err := NewAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if n := testing.AllocsPerRun(100, func() { a.Set(time.Hour) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
