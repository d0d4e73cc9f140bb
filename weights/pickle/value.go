// SPDX-License-Identifier: Apache-2.0

package pickle

// Global is the name of a function or a class, which is not looked up.
type Global struct{ Module, Name string }

func (g Global) String() string {
	if g.Module == "" {
		return g.Name
	}
	return g.Module + "." + g.Name
}

// Tuple is a Python tuple.
type Tuple []any

// Persistent is an identifier that stands for an object outside the pickle, such as the storage of a tensor.
type Persistent struct{ ID any }

// Object is a list, a dict, a set, or what a call of Class with Args would make. It is one object in however many
// places it stands.
type Object struct {
	Class   any     // a [Global], or the value that is called; see [List], [Dict], [Set]
	Args    Tuple   // nil for the literals of the format
	Items   []any   // appended items of a list, members of a set
	Entries []Entry // items of a dict in the order of their insertion; a key may come again, and the last one holds
	State   any     // what BUILD gives to the object; nil if it is not called
}

// Entry is one item of a dict.
type Entry struct{ Key, Value any }

// The classes of the literals of the format.
var (
	List = Global{"builtins", "list"}
	Dict = Global{"builtins", "dict"}
	Set  = Global{"builtins", "set"}
)

// Name returns the name of the object's class; "" if a value that is no name is called.
func (o *Object) Name() string {
	if g, ok := o.Class.(Global); ok {
		return g.String()
	}
	return ""
}
