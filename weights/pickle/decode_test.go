// SPDX-License-Identifier: Apache-2.0

package pickle

import (
	"bufio"
	"bytes"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func decode(data []byte) (*Pickle, error) {
	return Decode(bufio.NewReader(bytes.NewReader(data)), int64(len(data)))
}

// The files of protocols 0 to 5 were written by CPython from one value (scripts/checkpoints.py).
func TestProtocols(t *testing.T) {
	for protocol := range 6 {
		data, err := os.ReadFile(fmt.Sprintf("../testdata/protocol%d.pkl", protocol))
		if err != nil {
			t.Fatal(err)
		}
		p, err := decode(data)
		if err != nil {
			t.Errorf("protocol %d: %v", protocol, err)
			continue
		}
		values := map[any]any{}
		for _, e := range p.Value.(*Object).Entries {
			values[e.Key] = e.Value
		}
		large := new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 70))
		want := []any{int64(0), int64(-1), int64(1 << 31), large, 0.5, true}
		if got := values["numbers"].(*Object).Items; !reflect.DeepEqual(got, want) {
			t.Errorf("protocol %d: numbers %v, want %v", protocol, got, want)
		}
		if v, ok := values["none"]; v != nil || !ok {
			t.Errorf("protocol %d: none is %v", protocol, v)
		}
		if values["same"] != values["again"] {
			t.Errorf("protocol %d: one list became two", protocol)
		}
		if text := values["texts"].(Tuple)[0]; text != "a" {
			t.Errorf("protocol %d: the text is %v", protocol, text)
		}
		if protocol >= 2 {
			if text := values["texts"].(Tuple)[2]; text != "é\n" {
				t.Errorf("protocol %d: the text is %q", protocol, text)
			}
		}
		if data, ok := values["texts"].(Tuple)[1].([]byte); protocol >= 3 && (!ok || string(data) != "b") {
			t.Errorf("protocol %d: the bytes are %v", protocol, values["texts"])
		}
		o := values["namespace"].(*Object)
		names := fmt.Sprint(p.Uses)
		if !strings.Contains(names, "argparse.Namespace") {
			t.Errorf("protocol %d: the uses are %s", protocol, names)
		}
		if state, ok := o.State.(*Object); !ok || len(state.Entries) != 2 || state.Entries[1].Value != 0.03 {
			t.Errorf("protocol %d: the namespace is %+v", protocol, o)
		}
	}
}

// A pickle that would run a program is a note of the call.
func TestRunsNothing(t *testing.T) {
	data, err := os.ReadFile("../testdata/program.pkl")
	if err != nil {
		t.Fatal(err)
	}
	p, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Use{{Global{"posix", "system"}, 1, true}}; !reflect.DeepEqual(p.Uses, want) {
		t.Errorf("the uses are %v, want %v", p.Uses, want)
	}
	o := p.Value.(*Object)
	if o.Name() != "posix.system" || !reflect.DeepEqual(o.Args, Tuple{"touch ran"}) {
		t.Errorf("the call is %+v", o)
	}
}

// hostile are pickles that are refused, and why.
var hostile = map[string]string{
	"":                                      "too early",
	"N":                                     "too early",
	".":                                     "one value",
	"(.":                                    "one value",
	"NN.":                                   "one value",
	"R":                                     "no value to work on",
	"(R.":                                   "no value to work on",
	"NNR.":                                  "without a tuple",
	"0":                                     "no value to work on",
	"(0N2t.":                                "no value to work on",
	"Na.":                                   "no value to work on",
	"NNa.":                                  "holds no others",
	"}(Nu.":                                 "no value to work on",
	"X\xff\xff\xff\xff.":                    "too early",
	"\x8d\xff\xff\xff\xff\xff\xff\xff\xff.": "too early",
	"B\x10\x00\x00\x00ab.":                  "too early",
	"\x8b\xff\xff\xff\x7f.":                 "integer of",
	"h\x01.":                                "memo is empty",
	"q\x01.":                                "no value to work on",
	"gx\n.":                                 "no place in the memo",
	"Ix\n.":                                 "no number",
	"\x80\x09N.":                            "protocol 9",
	"\x97.":                                 "bytes outside",
	"\xff.":                                 "no instruction",
	"NN\x93.":                               "is no name",
	"cos\n":                                 "too early",
}

func TestHostile(t *testing.T) {
	hostile[strings.Repeat("N0", MaxInstructions/2)+"N."] = "instructions"
	for text, want := range hostile {
		_, err := decode([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: error %v, want one line with %q", text, err, want)
		}
	}
}

// A length that lies takes no memory.
func TestLengthsTakeNoMemory(t *testing.T) {
	data := append([]byte("\x8e\x00\x00\x00\x03\x00\x00\x00\x00"), make([]byte, 1<<10)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Decode(bufio.NewReader(bytes.NewReader(data)), 1<<40); err == nil {
		t.Error("48 MiB of a kilobyte are read")
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d bytes", took)
	}
}

// FuzzDecode checks that any bytes are refused in one line or read, and that reading ends.
func FuzzDecode(f *testing.F) {
	paths, err := filepath.Glob("../testdata/*.pkl")
	if err != nil || len(paths) < 7 {
		f.Fatalf("%d seeds: %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for text := range hostile {
		if len(text) < 100 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decode(data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 600 {
				t.Fatalf("not one short line: %q", err)
			}
			return
		}
		for _, u := range p.Uses {
			if u.Times < 1 || u.Times > len(data) {
				t.Fatalf("%v in %d bytes", u, len(data))
			}
		}
	})
}
