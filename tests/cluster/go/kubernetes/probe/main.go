// Command probe is what the cluster's own tests run in pods.
//
//	probe serve ADDRESS   answers every request with "served"
//	probe get URL         asks until there is an answer, for half a minute, and prints it
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

const (
	patience = 30 * time.Second
	pause    = 500 * time.Millisecond
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: probe serve ADDRESS | probe get URL")
	}
	var err error
	switch os.Args[1] {
	case "serve":
		err = http.ListenAndServe(os.Args[2], http.HandlerFunc(answer))
	case "get":
		err = get(os.Args[2])
	default:
		err = fmt.Errorf("no such command: %s", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func answer(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "served")
}

func get(url string) error {
	client := http.Client{Timeout: 2 * time.Second}
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		response, err := client.Get(url)
		if err == nil {
			defer response.Body.Close()
			_, err = io.Copy(os.Stdout, response.Body)
			return err
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}
