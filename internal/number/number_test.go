// SPDX-License-Identifier: Apache-2.0

package number_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/internal/number"
)

func TestJSON(t *testing.T) {
	type line struct {
		V number.Number `json:"v,omitzero"`
	}
	for _, c := range []struct {
		v      number.Number
		text   string
		finite bool
		back   number.Number
	}{
		{number.Number{}, `{}`, false, number.Number{}},
		{number.Num(0), `{"v":0}`, true, number.Num(0)},
		{number.Num(-1e-300), `{"v":-1e-300}`, true, number.Num(-1e-300)},
		{number.Num(0.1), `{"v":0.1}`, true, number.Num(0.1)},
		{number.Num(math.MaxFloat64), `{"v":1.7976931348623157e+308}`, true, number.Num(math.MaxFloat64)},
		{number.Num(math.NaN()), `{"v":null}`, false, number.Num(math.NaN())},
		{number.Num(math.Inf(1)), `{"v":null}`, false, number.Num(math.NaN())},
		{number.Num(math.Inf(-1)), `{"v":null}`, false, number.Num(math.NaN())},
	} {
		text, err := json.Marshal(line{c.v})
		if err != nil || string(text) != c.text || c.v.Finite() != c.finite {
			t.Errorf("%v is %s, finite %v, error %v; want %s", c.v, text, c.v.Finite(), err, c.text)
		}
		var back line
		if err := json.Unmarshal(text, &back); err != nil || !same(back.V, c.back) {
			t.Errorf("%s was read as %v, error %v; want %v", text, back.V, err, c.back)
		}
	}
	// Absent in a list, where no field can be omitted: it looks like a value that is not finite.
	if text, err := json.Marshal([]number.Number{{}}); err != nil || string(text) != `[null]` {
		t.Errorf("an absent number in a list is %s, error %v", text, err)
	}
}

func same(a, b number.Number) bool {
	return a.Known == b.Known && (a.Value == b.Value || math.IsNaN(a.Value) && math.IsNaN(b.Value))
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{`"1"`, `"x"`, `true`, `[]`, `{}`, `1e999`} {
		v := number.Num(7)
		if err := json.Unmarshal([]byte(text), &v); err == nil || v != number.Num(7) {
			t.Errorf("%s was read as %v, error %v", text, v, err)
		}
	}
}
