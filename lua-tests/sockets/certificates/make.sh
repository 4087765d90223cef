#!/bin/sh
# Makes the certificates of the tests anew, in this folder, by OpenSSL 3. They are valid until 2126:
#   ca.pem               an authority, whose key is thrown away
#   server.pem, .key     of localhost, *.example.test and 127.0.0.1, by that authority
#   other.pem, .key      of other.test, by that authority
#   expired.pem          of server.key, for localhost, until 2020
#   client.pem, .key     of a client, by that authority
#   stranger.pem         an authority that has signed none of them
set -e
cd "$(dirname "$0")"
rm -f ./*.pem ./*.key
mkdir tmp && : >tmp/index && echo 1000 >tmp/serial
cat >tmp/config <<END
[ca]
default_ca = own
[own]
new_certs_dir = tmp
database = tmp/index
serial = tmp/serial
default_md = sha256
policy = names
unique_subject = no
copy_extensions = copy
[names]
commonName = supplied
END
key() { [ -f "$1.key" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
sign() { openssl ca -batch -notext -config tmp/config "$@"; }
authority() { # file, name
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$2" -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign -out tmp/request
  sign -selfsign -keyfile "$1.key" -startdate 20200101000000Z -enddate 21260101000000Z -in tmp/request -out "$1.pem"
}
leaf() { # file, key's file, names, from, to
  key "$2"
  openssl req -new -key "$2.key" -subj "/CN=$1" -addext "subjectAltName=$3" -out tmp/request
  sign -cert ca.pem -keyfile ca.key -startdate "$4" -enddate "$5" -in tmp/request -out "$1.pem"
}
authority ca 'rlua-actor test authority'
authority stranger 'an authority that has signed nothing'
leaf server server DNS:localhost,DNS:*.example.test,IP:127.0.0.1 20200101000000Z 21260101000000Z
leaf other other DNS:other.test 20200101000000Z 21260101000000Z
leaf expired server DNS:localhost,IP:127.0.0.1 20190101000000Z 20200101000000Z
leaf client client DNS:client.test 20200101000000Z 21260101000000Z
rm -r ca.key stranger.key tmp
