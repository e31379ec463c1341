package tdsl

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestEncodeIsTheReverseOfDecode(t *testing.T) {
	in := config{Text: "x", Number: 5, On: true, Wait: 90*time.Second + 250*time.Millisecond, List: []string{"a", "b"}, Numbers: []int{1},
		Map: map[string][]string{"k": {"v"}}, Hosts: []host{{"h", 1}}, Global: []string{"g"}, PoolSize: 7}
	var text strings.Builder
	if err := Format(&text, &File{Root: Block{Entries: Encode(in)}}); err != nil {
		t.Fatal(err)
	}
	var out config
	if _, err := Decode(&load(t, text.String()).Root, nil, Env{}, &out); err != nil {
		t.Fatalf("%v in\n%s", err, text.String())
	}
	if !reflect.DeepEqual(in, out) {
		t.Errorf("%+v came back as %+v through\n%s", in, out, text.String())
	}
}

func TestEncodeMasksSecrets(t *testing.T) {
	var text strings.Builder
	err := Format(&text, &File{Root: Block{Entries: Encode(struct {
		Password string `tdsl:"password,secret"`
		URI      string `tdsl:"uri,secret"`
		Other    string `tdsl:"other"`
		Proxy    string `tdsl:"proxy,secret"`
	}{"hunter2", "jdbc:mysql://h/db?user=u&Password=hunter2&x=1", "jdbc:postgresql://u:hunter2@h/db", "http://u:hunter2@h:3128"})}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "other = 'jdbc:postgresql://u:*******@h/db'\npassword = '*******'\n" +
		"proxy = 'http://u:*******@h:3128'\nuri = 'jdbc:mysql://h/db?user=u&Password=*******&x=1'\n"; text.String() != want {
		t.Errorf("got %s\nwant %s", text.String(), want)
	}
}
