// SPDX-License-Identifier: Apache-2.0

package run

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

// Every field of an event has a place in its line, once.
func TestOrderHoldsEveryField(t *testing.T) {
	for _, key := range fixedKeys {
		if !slices.Contains(order, key) {
			t.Errorf("field %q has no place in the line", key)
		}
	}
	sorted := slices.Sorted(slices.Values(order))
	if len(slices.Compact(sorted)) != len(order) {
		t.Error("a key stands twice in the order")
	}
}

// A metric of a program's own comes last, is read back and is drawn; it cannot take a field's key.
func TestOwnMetric(t *testing.T) {
	e := Event{Event: Eval, Step: 2, Probe: "test", Of: OfBackbone}
	e.Set("zeros", Num(3))
	e.Set("dead", Num(math.Inf(1)))
	e.Set(KNN, Num(0.5))
	e.Set("absent", Number{})
	const want = `{"event":"eval","step":2,"epoch":0,"probe":"test","of":"backbone","knn":0.5,"dead":null,"zeros":3}`
	text, err := json.Marshal(e)
	must(t, err)
	if string(text) != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	back, err := parseEvent(text)
	must(t, err)
	if back.Metrics["zeros"] != Num(3) || !math.IsNaN(back.Metrics["dead"].Value) || back.Numbers()["knn"] != 0.5 {
		t.Errorf("read back: %+v", back.Metrics)
	}
	if !Taken(KNN) || !Taken("file") || Taken("zeros") {
		t.Error("a free key is taken, or a taken key is free")
	}
	e.Set("file", Num(1))
	if _, err := json.Marshal(e); err == nil {
		t.Error("a metric took the key of a field")
	}
}

// A copy of an event keeps its metrics when the other one gets more.
func TestSetLeavesCopiesAlone(t *testing.T) {
	a := Event{Event: Eval, Metrics: map[string]Number{KNN: Num(1)}}
	b := a
	b.Set(KNN, Num(2))
	b.Set(Std, Num(3))
	if a.Metrics[KNN] != Num(1) || len(a.Metrics) != 1 || b.Metrics[KNN] != Num(2) {
		t.Errorf("%v, %v", a.Metrics, b.Metrics)
	}
}
