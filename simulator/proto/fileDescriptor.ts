/**
 * A `.proto` file as an encoded `google.protobuf.FileDescriptorProto`, for server reflection. protobufjs's own conversion loses the
 * names of fields and leaves type names relative, which other implementations refuse.
 */
import { Enum, MapField, parse, Root, Type, Writer, type Field, type ReflectionObject, type Service } from "protobufjs";
import { readFileSync } from "node:fs";
import { protoFilePath, type ProtoFile } from "./protoFiles";

/** `FieldDescriptorProto.Type` of the scalar types. */
const SCALAR: Readonly<Record<string, number>> = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  bytes: 12,
  uint32: 13,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
};
const MESSAGE = 11;
const ENUM = 14;
const OPTIONAL = 1;
const REPEATED = 3;

const TEXT = 2;
const NUMBER = 0;
const tag = (field: number, wireType: number) => (field << 3) | wireType;

const encoded = new Map<ProtoFile, Uint8Array>();

/** Made when it is first asked for. Files with one package and without imports, which is all there are. */
export function fileDescriptor(file: ProtoFile): Uint8Array {
  let descriptor = encoded.get(file);
  if (descriptor === undefined) {
    const root = new Root();
    const source = parse(readFileSync(protoFilePath(file), "utf8"), root, { keepCase: true });
    root.resolveAll();
    descriptor = encodeFile(file, source.package ?? "", root);
    encoded.set(file, descriptor);
  }
  return descriptor;
}

function encodeFile(file: ProtoFile, packageName: string, root: Root): Uint8Array {
  const writer = Writer.create();
  writer.uint32(tag(1, TEXT)).string(file).uint32(tag(2, TEXT)).string(packageName);
  const members = (root.lookup(packageName) as Root).nestedArray;
  for (const member of members) if (member instanceof Type) inside(writer, 4, (inner) => writeMessage(inner, member));
  for (const member of members) if (member instanceof Enum) inside(writer, 5, (inner) => writeEnum(inner, member));
  for (const member of members) if (isService(member)) inside(writer, 6, (inner) => writeService(inner, member));
  return writer.uint32(tag(12, TEXT)).string("proto3").finish();
}

function inside(writer: Writer, field: number, write: (inner: Writer) => void): void {
  const inner = writer.uint32(tag(field, TEXT)).fork();
  write(inner);
  inner.ldelim();
}

function isService(member: ReflectionObject): member is Service {
  return "methodsArray" in member;
}

function writeMessage(writer: Writer, message: Type): void {
  writer.uint32(tag(1, TEXT)).string(message.name);
  for (const field of message.fieldsArray) inside(writer, 2, (inner) => writeField(inner, message, field));
  for (const field of message.fieldsArray) {
    if (field instanceof MapField) inside(writer, 3, (inner) => writeMapEntry(inner, field));
  }
  for (const member of message.nestedArray) {
    if (member instanceof Type) inside(writer, 3, (inner) => writeMessage(inner, member));
    if (member instanceof Enum) inside(writer, 4, (inner) => writeEnum(inner, member));
  }
  for (const { name } of message.oneofsArray) inside(writer, 8, (inner) => inner.uint32(tag(1, TEXT)).string(name));
}

function writeField(writer: Writer, message: Type, field: Field): void {
  const map = field instanceof MapField;
  writer.uint32(tag(1, TEXT)).string(field.name).uint32(tag(3, NUMBER)).int32(field.id);
  writer.uint32(tag(4, NUMBER)).int32(field.repeated || map ? REPEATED : OPTIONAL);
  if (map)
    writer
      .uint32(tag(5, NUMBER))
      .int32(MESSAGE)
      .uint32(tag(6, TEXT))
      .string(`${message.fullName}.${entryName(field)}`);
  else writeType(writer, field.type, field.resolvedType);
  const oneof = field.partOf === null ? -1 : message.oneofsArray.indexOf(field.partOf);
  if (oneof >= 0) writer.uint32(tag(9, NUMBER)).int32(oneof);
  writer.uint32(tag(10, TEXT)).string(jsonName(field.name));
}

function writeType(writer: Writer, type: string, resolved: Type | Enum | null): void {
  const number = resolved === null ? SCALAR[type] : resolved instanceof Enum ? ENUM : MESSAGE;
  if (number === undefined) throw new Error(`unknown type ${type}`);
  writer.uint32(tag(5, NUMBER)).int32(number);
  if (resolved !== null) writer.uint32(tag(6, TEXT)).string(resolved.fullName);
}

/** A map is, on the wire and in descriptors, a repeated message of key and value. */
function writeMapEntry(writer: Writer, field: MapField): void {
  const part = (name: string, number: number, type: string, resolved: Type | Enum | null) =>
    inside(writer, 2, (inner) => {
      inner
        .uint32(tag(1, TEXT))
        .string(name)
        .uint32(tag(3, NUMBER))
        .int32(number)
        .uint32(tag(4, NUMBER))
        .int32(OPTIONAL);
      writeType(inner, type, resolved);
      inner.uint32(tag(10, TEXT)).string(name);
    });
  writer.uint32(tag(1, TEXT)).string(entryName(field));
  part("key", 1, field.keyType, null);
  part("value", 2, field.type, field.resolvedType);
  inside(writer, 7, (inner) => inner.uint32(tag(7, NUMBER)).bool(true));
}

function writeEnum(writer: Writer, { name, values }: Enum): void {
  writer.uint32(tag(1, TEXT)).string(name);
  for (const [value, number] of Object.entries(values)) {
    inside(writer, 2, (inner) => inner.uint32(tag(1, TEXT)).string(value).uint32(tag(2, NUMBER)).int32(number));
  }
}

function writeService(writer: Writer, service: Service): void {
  writer.uint32(tag(1, TEXT)).string(service.name);
  for (const {
    name,
    resolvedRequestType,
    resolvedResponseType,
    requestStream,
    responseStream,
  } of service.methodsArray) {
    inside(writer, 2, (inner) => {
      inner.uint32(tag(1, TEXT)).string(name);
      inner.uint32(tag(2, TEXT)).string(resolvedRequestType?.fullName ?? "");
      inner.uint32(tag(3, TEXT)).string(resolvedResponseType?.fullName ?? "");
      if (requestStream === true) inner.uint32(tag(5, NUMBER)).bool(true);
      if (responseStream === true) inner.uint32(tag(6, NUMBER)).bool(true);
    });
  }
}

/** `raw_input_contents` → `RawInputContentsEntry`, as protoc names it. */
function entryName({ name }: { readonly name: string }): string {
  const camel = jsonName(name);
  return `${camel.charAt(0).toUpperCase()}${camel.slice(1)}Entry`;
}

function jsonName(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}
