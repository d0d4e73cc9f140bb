// SPDX-License-Identifier: Apache-2.0

package filename

import (
	"encoding/json"
	"testing"
)

func TestNames(t *testing.T) {
	for name, text := range map[Name]string{
		"a/b.png": `"a/b.png"`, "café": `"café"`, "caf\xe9/\xff\"": `"caf\udce9/\udcff\""`, "": `""`,
		"\xf0\x9f": `"\udcf0\udc9f"`, "😀\xe9\\": `"😀\udce9\\"`, "\x01\xe9": `"\u0001\udce9"`,
	} {
		got, err := json.Marshal(name)
		if err != nil || string(got) != text {
			t.Errorf("%q is written as %s, want %s (%v)", name, got, text, err)
		}
		var back Name
		if err := json.Unmarshal([]byte(text), &back); err != nil || back != name {
			t.Errorf("%s is read as %q, want %q (%v)", text, back, name, err)
		}
	}
	var pair Name // the second half of a surrogate pair looks like an escape
	if err := json.Unmarshal([]byte(`"\ud83d\ude00\ud83d\udc80\uDCE9"`), &pair); err != nil || pair != "😀💀\xe9" {
		t.Errorf("a pair is read as %q (%v)", pair, err)
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"", "caf\xe9", "\xed\xb3\xa9", "\\udce9", "\xff\\\"\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		text, err := json.Marshal(Name(name))
		if err != nil {
			t.Fatal(err)
		}
		var back Name
		if err := json.Unmarshal(text, &back); err != nil || string(back) != name {
			t.Errorf("%q is written as %s and read as %q (%v)", name, text, back, err)
		}
	})
}
