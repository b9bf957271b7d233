"""host/settings/buckets.py: the address of a bucket."""

import pytest

from host.settings.buckets import Bucket, bucket


def test_all_parts_of_an_address_are_taken() -> None:
    url = "s3://pix-1.example/a/b_c?endpoint=http://127.0.0.1:9000/&region=eu-1"
    assert bucket(url) == Bucket("pix-1.example", "a/b_c", "http://127.0.0.1:9000", "eu-1")
    assert str(bucket(url)) == "s3://pix-1.example/a/b_c"


def test_a_bucket_alone_is_one_of_aws() -> None:
    assert bucket("s3://pix") == bucket("s3://pix/") == Bucket("pix", "", "", "us-east-1")
    assert str(bucket("s3://pix")) == "s3://pix"


def test_the_fault_of_an_address_with_a_key_does_not_quote_it() -> None:
    with pytest.raises(ValueError, match="AWS_SECRET_ACCESS_KEY") as fault:
        bucket("s3://key:hush-hush@pix")
    assert "hush" not in str(fault.value)
